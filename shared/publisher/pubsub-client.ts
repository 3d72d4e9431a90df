/** A module of its own to import lazily: a bundle gives a lazily imported CommonJS package no named exports. */
export { PubSub } from '@google-cloud/pubsub'
