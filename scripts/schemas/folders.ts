import { join } from 'node:path'

export const CONTRACT_FOLDER = join(import.meta.dirname, '../../shared/contract')
