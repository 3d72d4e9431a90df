export { end as default } from './prepare.ts'
