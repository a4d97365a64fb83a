// Checks a broker through KafkaJS: bytes, consumer groups and the admin client.
//
// Waits are promises that an event settles, each with a deadline. Topics and groups are deleted at the end.
const assert = require('node:assert/strict')
const { Kafka, CompressionTypes, logLevel } = require('kafkajs')

const RECORDS = Number(process.env.NARU_CHECK_RECORDS || 10000)
const RUN = `js-${process.pid}-${Date.now()}`
const LIMIT_MS = 60000
const FIRST_MS = 1700000000000
const kafka = new Kafka({ clientId: RUN, brokers: [process.argv[2]], logLevel: logLevel.NOTHING })
const admin = kafka.admin()
const topics = new Set()
const groups = new Set()

const record = i => ({
  key: i % 7 === 0 ? null : `key-${i}`,
  value: i % 11 === 0 ? '' : `value-${i}-`.repeat(1 + (i % 13)),
  headers: i % 3 === 0 ? { n: `${i}` } : {},
  timestamp: String(FIRST_MS + i),
})

function within(promise, what) {
  let timer
  const late = new Promise((_, no) => { timer = setTimeout(() => no(new Error(`${what}: not within ${LIMIT_MS} ms`)), LIMIT_MS) })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

async function topic(name, numPartitions = 1) {
  const full = `${RUN}-${name}`
  // The records' timestamps are of 2023: retention would be right to take them away.
  const configEntries = [{ name: 'retention.ms', value: '-1' }]
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: full, numPartitions, replicationFactor: 1, configEntries }] })
  topics.add(full)
  return full
}

async function produce(name, from, to, compression = CompressionTypes.None, partitions = 1) {
  const producer = kafka.producer()
  await producer.connect()
  try {
    for (let i = from; i < to; i += 1000) {
      const messages = []
      for (let j = i; j < Math.min(to, i + 1000); j++) messages.push({ ...record(j), partition: j % partitions })
      await producer.send({ topic: name, messages, compression, acks: -1 })
    }
  } finally {
    await producer.disconnect()
  }
}

// Starts a member and resolves once it has joined; `each` sees every message.
async function member(group, name, each) {
  groups.add(group)
  const consumer = kafka.consumer({ groupId: group, sessionTimeout: 10000, heartbeatInterval: 500, maxWaitTimeInMs: 100 })
  const joined = new Promise(yes => consumer.on(consumer.events.GROUP_JOIN, yes))
  await consumer.connect()
  await consumer.subscribe({ topic: name, fromBeginning: true })
  await consumer.run({ eachMessage: async ({ partition, message }) => each(message, partition) })
  await within(joined, 'joining')
  return consumer
}

async function readAll(group, name, want) {
  const got = []
  let done
  const enough = new Promise(yes => { done = yes })
  const consumer = await member(group, name, m => { got.push(m); if (got.length === want) done() })
  try {
    await within(enough, `reading ${want} records`)
  } finally {
    await consumer.disconnect()
  }
  return got
}

const bytesSurvive = (label, compression) => async () => {
  const name = await topic(label)
  await produce(name, 0, RECORDS, compression)
  const got = await readAll(`${RUN}-${label}`, name, RECORDS)
  assert.equal(got.length, RECORDS)
  got.forEach((m, i) => {
    const want = record(i)
    assert.equal(m.offset, String(i))
    assert.equal(m.key === null ? null : m.key.toString(), want.key)
    assert.equal(m.value.toString(), want.value)
    assert.equal(m.timestamp, want.timestamp)
    assert.equal(m.headers.n === undefined ? undefined : m.headers.n.toString(), want.headers.n)
  })
}

async function membersJoinAndLeaveWithoutGap() {
  const name = await topic('group', 4)
  const group = `${RUN}-group`
  const seen = new Set()
  let wake = () => {}
  const each = (m, partition) => { seen.add(`${partition}:${m.offset}`); wake() }
  const reach = n => within(new Promise(yes => { wake = () => seen.size >= n && yes(); wake() }), `${n} records, have ${seen.size}`)
  const members = [await member(group, name, each)]
  try {
    await produce(name, 0, 1000, undefined, 4)
    await reach(1000)
    members.push(await member(group, name, each))
    await produce(name, 1000, 2000, undefined, 4)
    await reach(2000)
    await members.shift().disconnect()
    await produce(name, 2000, 3000, undefined, 4)
    await reach(3000)
    assert.equal(seen.size, 3000)
  } finally {
    for (const m of members) await m.disconnect()
  }
  const [{ partitions }] = await admin.fetchOffsets({ groupId: group, topics: [name] })
  assert.deepEqual(partitions.map(p => p.offset), ['750', '750', '750', '750'])
}

async function adminSeesTopicsAndOffsets() {
  const name = await topic('admin', 3)
  assert.ok((await admin.listTopics()).includes(name))
  const { topics: [described] } = await admin.fetchTopicMetadata({ topics: [name] })
  assert.equal(described.partitions.length, 3)
  assert.equal(await admin.createTopics({ topics: [{ topic: name }] }), false, 'a topic was created twice')
  await produce(name, 0, 9, undefined, 3)
  const offsets = await admin.fetchTopicOffsets(name)
  assert.deepEqual(offsets.map(o => [o.low, o.high]), [['0', '3'], ['0', '3'], ['0', '3']])
  assert.equal((await admin.describeCluster()).brokers.length, 1)
}

async function adminSeesAndDeletesGroups() {
  const name = await topic('groups')
  const group = `${RUN}-groups`
  await produce(name, 0, 10)
  await readAll(group, name, 10)
  assert.ok((await admin.listGroups()).groups.some(g => g.groupId === group))
  const { groups: [described] } = await admin.describeGroups([group])
  assert.equal(described.state, 'Empty')
  await admin.setOffsets({ groupId: group, topic: name, partitions: [{ partition: 0, offset: '4' }] })
  const got = await readAll(group, name, 6)
  assert.deepEqual(got.map(m => m.offset), ['4', '5', '6', '7', '8', '9'])
  await admin.deleteGroups([group])
  assert.ok(!(await admin.listGroups()).groups.some(g => g.groupId === group))
  groups.delete(group)
}

async function main() {
  const checks = {
    bytesSurviveNone: bytesSurvive('none', CompressionTypes.None),
    bytesSurviveGzip: bytesSurvive('gzip', CompressionTypes.GZIP),
    membersJoinAndLeaveWithoutGap, adminSeesTopicsAndOffsets, adminSeesAndDeletesGroups,
  }
  let passed = 0
  let failed = 0
  await admin.connect()
  for (const [name, check] of Object.entries(checks)) {
    const begin = Date.now()
    try {
      await check()
      passed++
      console.log(`ok    ${name} (${Date.now() - begin} ms)`)
    } catch (e) {
      failed++
      console.log(`FAIL  ${name}\n${e.stack}`)
    }
  }
  await admin.deleteTopics({ topics: [...topics] }).catch(e => { failed++; console.log(`FAIL  deleteTopics\n${e.stack}`) })
  await admin.deleteGroups([...groups]).catch(() => {})
  await admin.disconnect()
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed ? 1 : 0)
}

main().catch(e => {
  console.log(`FAIL  connecting\n${e.stack}\n0 passed, 1 failed`)
  process.exit(1)
})
