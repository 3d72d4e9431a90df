export { complexityOf } from './complexity.ts'
export { longInteger, parseJson } from './exact.ts'
export { flag, isObject, text } from './loose.ts'
export { isRecord } from './record.ts'
