import { createServer } from 'node:http'

/** A receiver of webhooks that takes everything; it tells at /ready how much came. */
let taken = 0
createServer((request, response) => {
  request.resume().on('end', () => {
    if (request.method === 'POST') taken++
    response.end(String(taken))
  })
}).listen(Number(process.env.PORT), '127.0.0.1')
