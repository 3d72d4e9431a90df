import { findChromium, NoBrowserError } from './chromium.ts'

const only = (path: string) => (candidate: string) => candidate === path

it.each<[NodeJS.ProcessEnv, string]>([
  [{ CHROME_PATH: '/opt/chrome' }, '/opt/chrome'],
  [{ PATH: '/bin:/home/ada/bin' }, '/home/ada/bin/chromium'],
  [{ PATH: '/bin:/home/ada/bin' }, '/home/ada/bin/google-chrome-stable'],
  [{}, '/usr/bin/chromium'],
  [{}, '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'],
])('finds the browser with %j in %s', (env, path) => {
  expect(findChromium(env, only(path))).toBe(path)
})

it('takes no other browser than the named one', () => {
  const find = () => findChromium({ CHROME_PATH: '/opt/chrome' }, only('/usr/bin/chromium'))
  expect(find).toThrow(NoBrowserError)
  expect(find).toThrow('CHROME_PATH names /opt/chrome, which is no program')
})

it('says how to get a browser when there is none', () => {
  expect(() => findChromium({ PATH: '/bin' }, () => false)).toThrow(/tested in a browser.*apt-get install -y chromium/s)
})
