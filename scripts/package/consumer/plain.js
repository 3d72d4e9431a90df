// Plain JavaScript: no type, no build, and a .js file in a package without "type".
const { MessagingPublisher } = require('cio-gcp')

const publisher = new MessagingPublisher()
publisher
  .identifyUser({ identifiers: { id: 'u1' }, attributes: { plan: 'pro' } })
  .then(() => publisher.close())
  .then(() => console.log('published'))
