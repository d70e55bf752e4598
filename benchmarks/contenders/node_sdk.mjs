// The AWS SDK v3 for JavaScript with marshall, in the reference's way of loading and saving.
// node node_sdk.mjs ENDPOINT shared|each|first   (each: a new client for every turn, as the reference makes one; first:
// one turn, and the end)
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const require = createRequire(process.env.NODE_FOLDER + '/')
const { DynamoDBClient, GetItemCommand, PutItemCommand } = require('@aws-sdk/client-dynamodb')
const { marshall, unmarshall } = require('@aws-sdk/util-dynamodb')

const [endpoint, way] = process.argv.slice(2)
const options = { removeUndefinedValues: true, convertClassInstanceToMap: true }
const newClient = () => new DynamoDBClient({ endpoint, requestHandler: { httpsAgent: agent, httpAgent: agent } })
const agent = { keepAlive: true, maxSockets: 64 }
const shared = newClient()

async function turn(user) {
  const client = way === 'each' ? newClient() : shared
  const key = marshall({ userId: user })
  const answer = await client.send(new GetItemCommand({ TableName: 'users', Key: key, ConsistentRead: true }))
  const item = unmarshall(answer.Item)
  item.user.data.visits += 1
  await client.send(new PutItemCommand({ TableName: 'users', Item: marshall(item, options) }))
  // Kind to it: the reference leaves its connections open until the server closes them.
  if (client !== shared) client.destroy()
}

async function measured({ turns, at_once, users }) {
  let next = 0
  const work = async () => {
    while (next < turns) await turn(`user-${next++ % users}`)
  }
  const before = process.cpuUsage()
  const began = process.hrtime.bigint()
  await Promise.all(Array.from({ length: at_once }, work))
  const used = process.cpuUsage(before)
  return { cpu: (used.user + used.system) / 1e6, wall: Number(process.hrtime.bigint() - began) / 1e9 }
}

if (way === 'first') {
  await turn('user-1')
  process.exit()
}
console.log('ready')
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await measured(JSON.parse(line))))
}
process.exit()
