// The noise of stackgan.generate.noise_rows: PyTorch's generator (Mersenne Twister) and its normal numbers (Box and Muller, in
// blocks of sixteen), so that a seed means the same picture here and there.

export class Twister { // MT19937, Matsumoto and Nishimura 1998
  constructor(seed) { // a 32-bit integer
    this.state = new Uint32Array(624);
    this.state[0] = seed;
    for (let i = 1; i < 624; i++) {
      const s = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(1812433253, s) + i;
    }
    this.place = 624;
  }
  next() { // 32 random bits
    const s = this.state;
    if (this.place === 624) {
      for (let i = 0; i < 624; i++) {
        const y = (s[i] & 0x80000000) | (s[(i + 1) % 624] & 0x7fffffff);
        s[i] = s[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      this.place = 0;
    }
    let y = s[this.place++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }
  uniform() { return (this.next() & 0xffffff) / 0x1000000; } // in [0, 1), 24 bits as float32 has them
}

function boxMuller(x, at) { // sixteen uniform numbers become sixteen normal ones, in place
  for (let j = at; j < at + 8; j++) {
    const radius = Math.sqrt(-2 * Math.log(1 - x[j])), angle = 2 * Math.PI * x[j + 8];
    x[j] = radius * Math.cos(angle);
    x[j + 8] = radius * Math.sin(angle);
  }
}

export function normals(length, twister) { // as torch.randn(length, generator=...), for 16 numbers or more
  const x = Float32Array.from({length}, () => twister.uniform());
  for (let i = 0; i <= length - 16; i += 16) boxMuller(x, i);
  if (length % 16) {
    for (let i = length - 16; i < length; i++) x[i] = twister.uniform();
    boxMuller(x, length - 16);
  }
  return x;
}

export function noise(seed, row, lengths) { // one Float32Array for each length, for picture number `row` of a seed
  const low = Number((BigInt(seed) * 100003n + BigInt(row)) & 0xffffffffn);
  const twister = new Twister(low);
  return lengths.map(length => normals(length, twister));
}
