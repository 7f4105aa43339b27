// Computes pictures beside the page, so that the page does not freeze. It is sent {id, model, sentence, seed, truncation, plain} and
// posts {id, kind: "state" | "sketch" | "picture" | "refused" | "failed", ...}.
import {noise} from "./noise.js";
import {complete, encode, normalised, notes, unreadable} from "./sentence.js";

const base = new URL(".", self.location.href);
const config = fetch(new URL("config.json", base)).then(reply => reply.json());
let runtime; // a promise of onnxruntime-web
const models = {}; // name -> a promise of its sessions

async function file(address, integrity) {
  const reply = await fetch(address, integrity ? {integrity} : {});
  if (!reply.ok) throw new Error(`${new URL(address, base).pathname.split("/").pop()} could not be loaded (${reply.status})`);
  return reply.arrayBuffer();
}

async function loadRuntime() { // both files are checked against the hashes in config.json
  const {address, files} = (await config).runtime, [script, wasm] = Object.keys(files);
  const at = name => new URL(address + name, base).href;
  const [code, binary] = await Promise.all([script, wasm].map(name => file(at(name), files[name])));
  const place = URL.createObjectURL(new Blob([code], {type: "text/javascript"}));
  const ort = await import(place);
  ort.env.wasm.wasmBinary = binary;
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
  ort.env.logLevel = "error";
  return ort;
}

async function loadModel(name) {
  const at = part => new URL(`models/${name}/${part}`, base).href;
  const about = await (await fetch(at("model.json"))).json();
  const parts = ["text", "stage1", ...(about.size > about.sketch ? ["stage2"] : [])];
  const [ort, ...bytes] = await Promise.all([runtime ||= loadRuntime(), ...parts.map(part => file(at(`${part}.onnx`)))]);
  const sessions = {};
  for (const [i, part] of parts.entries()) sessions[part] = await ort.InferenceSession.create(new Uint8Array(bytes[i]));
  return {about, sessions, ort};
}

async function run(session, inputs) { // one result, and only the inputs that the graph reads
  const feeds = Object.fromEntries(session.inputNames.map(name => [name, inputs[name]]));
  return (await session.run(feeds))[session.outputNames[0]];
}

function pixels({data, dims}) { // (1, 3, S, S) in [-1, 1] -> RGBA bytes, rounded as to_pictures rounds
  const area = dims[2] * dims[3], bytes = new Uint8ClampedArray(4 * area).fill(255);
  for (let c = 0; c < 3; c++) for (let i = 0; i < area; i++) {
    const x = Math.fround(Math.fround(data[c * area + i] + 1) * 127.5), low = Math.floor(x);
    bytes[4 * i + c] = x - low === .5 ? low + low % 2 : Math.round(x); // halves to even, as torch does
  }
  return {bytes, size: dims[2]};
}

async function draw({id, model, sentence: typed, seed, truncation, plain}) {
  const say = (kind, more) => self.postMessage({id, kind, ...more});
  const {messages} = await config, sentence = normalised(typed);
  if (!models[model]) { say("state", {text: "Loading the model ..."}); models[model] = loadModel(model); }
  let loaded;
  try { loaded = await models[model]; } catch (error) { delete models[model]; runtime = undefined; throw error; }
  const {about, sessions, ort} = loaded, start = performance.now();
  const refused = unreadable(sentence, about, messages);
  if (refused) return say("refused", {text: refused});
  const [z, eps, eps1] = noise(seed, 0, [about.z_dim, about.c_dim, about.c_dim]);
  const told = plain ? sentence : complete(sentence, z, about);
  const row = values => new ort.Tensor("float32", values, [1, values.length]);
  const phi = await run(sessions.text, {codes: new ort.Tensor("int32", encode(told, about), [1, about.max_len])});
  const shrunk = z.map(value => value * truncation);
  const sketch = await run(sessions.stage1, {phi, z: row(shrunk), eps: row(eps1)});
  const about_it = {told, notes: notes(sentence, about, messages)};
  say("sketch", {...pixels(sketch), ...about_it});
  if (sessions.stage2) {
    const picture = await run(sessions.stage2, {sketch, phi, eps: row(eps)});
    say("picture", {...pixels(picture), ...about_it, ms: Math.round(performance.now() - start)});
  } else say("picture", {...pixels(sketch), ...about_it, ms: Math.round(performance.now() - start)});
}

let queue = Promise.resolve(); // one picture after the other
self.onmessage = ({data}) => {
  queue = queue.then(() => draw(data)).catch(error => self.postMessage({id: data.id, kind: "failed", text: error.message}));
};
