// A bridge with MQTT.js and @google-cloud/pubsub that acknowledges after the publish.
//
//     node node_bridge.mjs PORT CLIENT_ID PROJECT TOPIC HOLD_MILLISECONDS
//
// MQTT.js reads its next packet only when handleMessage has called back, and calling back acknowledges: one message a
// round trip. So this bridge calls back at once, with an error, which makes MQTT.js go on without acknowledging, and
// sends the PUBACK itself when the message is published. It is the fastest at-least-once form found for this library.

import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(process.env.BENCH_NODE_MODULES + "/");
const mqtt = require("mqtt");
const { PubSub } = require("@google-cloud/pubsub");

const [port, clientId, projectId, topicName, hold] = process.argv.slice(2);
const topic = new PubSub({ projectId }).topic(topicName, { batching: { maxMessages: 1000, maxMilliseconds: Number(hold) } });
const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { clientId, clean: false, protocolVersion: 4 });
const later = new Error("acknowledged once published");

function attributes(packet) {
  const [, site, device] = packet.topic.split("/");
  const now = new Date().toISOString();
  return {
    "ce-specversion": "1.0",
    "ce-type": "iot.telemetry",
    "ce-id": randomUUID(),
    "ce-source": "mqtt://broker/routes/telemetry",
    "ce-subject": device,
    "ce-time": now,
    "content-type": "application/json",
    "mqtt.topic": packet.topic,
    "mqtt.qos": String(packet.qos),
    "mqtt.received_at": now,
    "capture.site": site,
    "capture.device": device,
  };
}

client.handleMessage = (packet, done) => {
  topic.publishMessage({ data: packet.payload, attributes: attributes(packet) }).then(
    () => client._sendPacket({ cmd: "puback", messageId: packet.messageId }, () => {}),
    (error) => console.error("not published, not acknowledged:", error.message),
  );
  done(later);
};
client.on("connect", () => {
  client.stream.setNoDelay(true);
  client.subscribe("sites/+/+", { qos: 1 });
});
client.on("error", (error) => console.error(error.message));
