// Computes pictures beside the page, so that the page does not freeze. It is sent {id, model, sentence, seed, ...} with `truncation` and
// `bestOf`, or with `other` and `steps` for a walk, and posts {id, kind: "state" | "sketch" | "picture" | "frame" | "walked" |
// "refused" | "failed", ...}.
import {gif} from "./gif.js";
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
  const session = bytes => ort.InferenceSession.create(new Uint8Array(bytes)), sessions = {};
  for (const [i, part] of parts.entries()) sessions[part] = await session(bytes[i]);
  sessions.matcher = () => sessions.match ||= file(at("match.onnx")).then(session); // when somebody asks for the best of several
  return {about, sessions, ort, row: values => new ort.Tensor("float32", values, [1, values.length])};
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

async function embed(told, {about, sessions, ort}) { // a sentence as a tensor
  return run(sessions.text, {codes: new ort.Tensor("int32", encode(told, about), [1, about.max_len])});
}

async function candidate(sentence, seed, i, truncation, loaded) { // sketch number i of a seed, and what was drawn from
  const {about, sessions, row} = loaded, [z, eps, eps1] = noise(seed, i, [about.z_dim, about.c_dim, about.c_dim]);
  const told = complete(sentence, z, about), phi = await embed(told, loaded), scaled = row(z.map(value => value * truncation));
  return {told, phi, z: scaled, eps, sketch: await run(sessions.stage1, {phi, z: scaled, eps: row(eps1)})};
}

async function draw({sentence, seed, truncation, bestOf = 1}, loaded, say) { // the twin of `play`
  const {about, sessions, row} = loaded, {messages} = await config, start = performance.now();
  let best = await candidate(sentence, seed, 0, truncation, loaded), most = -Infinity;
  for (let i = 0; i < bestOf && bestOf > 1; i++) { // the first of those that fit best, as argmax has it
    const one = i ? await candidate(sentence, seed, i, truncation, loaded) : best;
    const fit = (await run(await sessions.matcher(), one)).data[0];
    if (fit > most) { best = one; most = fit; }
  }
  const about_it = {told: best.told, notes: notes(sentence, about, messages)}, {sketch, phi, z} = best;
  say("sketch", {...pixels(sketch), ...about_it});
  const picture = sessions.stage2 ? await run(sessions.stage2, {sketch, phi, eps: row(best.eps), z}) : sketch;
  say("picture", {...pixels(picture), ...about_it, ms: Math.round(performance.now() - start)});
}

async function walk({sentence, other, seed, steps}, loaded, say) { // the twin of `walk`: the same noise, and phi between two sentences
  const {about, sessions, ort, row} = loaded, [z] = noise(seed, 0, [about.z_dim]), all = row(z), none = row(new Float32Array(about.c_dim));
  const ends = [];
  for (const text of [sentence, other]) ends.push((await embed(complete(text, z, about), loaded)).data);
  const frames = [];
  for (let i = 0; i < steps; i++) {
    const t = Math.fround(i / (steps - 1)), phi = row(ends[0].map((a, k) => a + Math.fround(t * Math.fround(ends[1][k] - a))));
    const sketch = await run(sessions.stage1, {phi, z: all, eps: none});
    const frame = pixels(sessions.stage2 ? await run(sessions.stage2, {sketch, phi, eps: none, z: all}) : sketch);
    frames.push(frame.bytes);
    say("frame", {...frame, number: i, steps});
  }
  say("walked", {gif: gif(frames, about.size)});
}

async function answer(typed) {
  const asked = {...typed, sentence: normalised(typed.sentence)};
  if ("other" in typed) asked.other = normalised(typed.other);
  const {id, model} = asked, say = (kind, more) => self.postMessage({id, kind, ...more});
  if (!models[model]) { say("state", {text: "Loading the model ..."}); models[model] = loadModel(model); }
  let loaded;
  try { loaded = await models[model]; } catch (error) { delete models[model]; runtime = undefined; throw error; }
  for (const text of "other" in asked ? [asked.sentence, asked.other] : [asked.sentence]) {
    const refused = unreadable(text, loaded.about, (await config).messages);
    if (refused) return say("refused", {text: refused});
  }
  await ("other" in asked ? walk : draw)(asked, loaded, say);
}

let queue = Promise.resolve(); // one picture after the other
self.onmessage = ({data}) => {
  queue = queue.then(() => answer(data)).catch(error => self.postMessage({id: data.id, kind: "failed", text: error.message}));
};
