// An endless GIF, there and back again: 256 colours by median cut, then LZW. Frames are RGBA bytes of one square size.

function palette(frames) { // 256 colours for all frames, and for each colour of 15 bits which of them it becomes
  const count = new Uint32Array(32768), sum = [0, 1, 2].map(() => new Float64Array(32768));
  const bin = (f, i) => (f[i] >> 3) << 10 | (f[i + 1] >> 3) << 5 | f[i + 2] >> 3;
  for (const f of frames) for (let i = 0; i < f.length; i += 4) {
    const b = bin(f, i);
    count[b]++;
    for (let c = 0; c < 3; c++) sum[c][b] += f[i + c];
  }
  const place = (b, c) => (b >> (10 - 5 * c)) & 31;
  const box = bins => { // its longest side, and how much there is to gain by cutting it
    const spans = [0, 1, 2].map(c => {
      let low = 31, high = 0;
      for (const b of bins) { low = Math.min(low, place(b, c)); high = Math.max(high, place(b, c)); }
      return high - low;
    });
    const side = spans.indexOf(Math.max(...spans));
    return {bins, side, worth: spans[side] * Math.sqrt(bins.reduce((n, b) => n + count[b], 0))};
  };
  const boxes = [box(Array.from(count.keys()).filter(b => count[b]))];
  while (boxes.length < 256) {
    const widest = boxes.reduce((best, one, i) => one.worth > boxes[best].worth ? i : best, 0), {bins, side, worth} = boxes[widest];
    if (!worth) break; // no box has two colours
    bins.sort((a, b) => place(a, side) - place(b, side));
    const half = bins.reduce((n, b) => n + count[b], 0) / 2;
    let cut = 0, seen = 0;
    while (cut < bins.length - 1 && (cut === 0 || seen + count[bins[cut]] < half)) seen += count[bins[cut++]];
    boxes.splice(widest, 1, box(bins.slice(0, cut)), box(bins.slice(cut)));
  }
  const colours = new Uint8Array(768), become = new Uint8Array(32768);
  boxes.forEach(({bins}, k) => {
    const all = bins.reduce((n, b) => n + count[b], 0);
    for (let c = 0; c < 3; c++) colours[3 * k + c] = Math.round(bins.reduce((n, b) => n + sum[c][b], 0) / all);
    for (const b of bins) become[b] = k;
  });
  return {colours, index: f => Uint8Array.from({length: f.length / 4}, (_, i) => become[bin(f, 4 * i)])};
}

function lzw(pixels, out) { // 8-bit codes at first, as GIF writes them, in blocks of up to 255 bytes
  const CLEAR = 256, END = 257;
  let table = new Map(), next = 258, width = 9, bits = 0, held = 0, block = [];
  const byte = value => { block.push(value); if (block.length === 255) { out.push(255, ...block); block = []; } };
  const emit = code => {
    bits |= code << held;
    for (held += width; held >= 8; held -= 8) { byte(bits & 255); bits >>>= 8; }
  };
  out.push(8);
  emit(CLEAR);
  let word = pixels[0];
  for (let i = 1; i < pixels.length; i++) {
    const key = word << 8 | pixels[i], longer = table.get(key);
    if (longer !== undefined) { word = longer; continue; }
    emit(word);
    if (next < 4096) { if (next === 1 << width) width++; table.set(key, next++); }
    else { emit(CLEAR); table = new Map(); next = 258; width = 9; }
    word = pixels[i];
  }
  emit(word);
  if (next === 1 << width && width < 12) width++;
  emit(END);
  if (held > 0) byte(bits & 255);
  if (block.length) out.push(block.length, ...block);
  out.push(0);
}

export function gif(frames, size, milliseconds = 90) { // -> Uint8Array
  const {colours, index} = palette(frames), out = [], two = value => [value & 255, value >> 8];
  const text = letters => Array.from(letters, letter => letter.charCodeAt(0));
  out.push(...text("GIF89a"), ...two(size), ...two(size), 0xf7, 0, 0, ...colours);
  out.push(0x21, 0xff, 11, ...text("NETSCAPE2.0"), 3, 1, 0, 0, 0); // again and again
  for (const frame of [...frames, ...frames.slice(1, -1).reverse()]) {
    out.push(0x21, 0xf9, 4, 0, ...two(Math.round(milliseconds / 10)), 0, 0, 0x2c, 0, 0, 0, 0, ...two(size), ...two(size), 0);
    lzw(index(frame), out);
  }
  return Uint8Array.from([...out, 0x3b]);
}
