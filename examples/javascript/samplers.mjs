// Two samplers in JavaScript, and how trueto talks to them (docs/any-language.md, contract 1).
// The samplers are plain functions of (denoise, x, sigmas); everything below them is the same for any other sampler.
import { createInterface } from "node:readline";

// Karras et al. 2022, algorithm 2 without its correction.
async function euler(denoise, x, sigmas) {
  for (let i = 0; i < sigmas.length - 1; i++) {
    const clean = await denoise(x, sigmas[i], i);
    const dt = sigmas[i + 1] - sigmas[i];
    x = x.map((value, k) => value + ((value - clean[k]) / sigmas[i]) * dt);
  }
  return x;
}

// Lu et al. 2022 (DPM-Solver++), algorithm 2; first order at the first step and where the last level is 0.
async function dpmpp2m(denoise, x, sigmas) {
  let old = null;
  let hLast = 0;
  for (let i = 0; i < sigmas.length - 1; i++) {
    const clean = await denoise(x, sigmas[i], i);
    const ratio = sigmas[i + 1] / sigmas[i];
    const h = -Math.log(ratio);
    let direction = clean;
    if (old !== null && sigmas[i + 1] > 0) {
      const r = hLast / h;
      direction = clean.map((value, k) => (1 + 1 / (2 * r)) * value - (1 / (2 * r)) * old[k]);
    }
    x = x.map((value, k) => ratio * value + (1 - ratio) * direction[k]);
    old = clean;
    hLast = h;
  }
  return x;
}

const SAMPLERS = { euler, dpmpp2m };

// The noise levels of a model that was trained at the times of `alphasCumprod`, in `n` steps, and 0 at the end.
function noiseLevels(grid, n, logSigmas) {
  const last = logSigmas.length - 1;
  const levels = [];
  for (let i = 0; i < n; i++) {
    const ramp = n === 1 ? 0 : i / (n - 1);
    if (grid === "karras") {
      const low = Math.exp(logSigmas[0]) ** (1 / 7);
      const high = Math.exp(logSigmas[last]) ** (1 / 7);
      levels.push((high + ramp * (low - high)) ** 7);
    } else {
      const t = last * (1 - ramp);
      const weight = t - Math.floor(t);
      levels.push(Math.exp((1 - weight) * logSigmas[Math.floor(t)] + weight * logSigmas[Math.ceil(t)]));
    }
  }
  return [...levels, 0];
}

// The training time that belongs to a level, linear in log sigma.
function timeOf(sigma, logSigmas) {
  const wanted = Math.log(sigma);
  let low = 0;
  while (low < logSigmas.length - 2 && logSigmas[low + 1] <= wanted) low++;
  const weight = (logSigmas[low] - wanted) / (logSigmas[low] - logSigmas[low + 1]);
  return low + Math.min(Math.max(weight, 0), 1);
}

// Lines in and out.
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const hear = async () => JSON.parse((await lines.next()).value);
const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");
const decode = (text, Numbers) => {
  const bytes = Buffer.from(text, "base64");
  return Array.from(new Numbers(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)));
};
const encode = (values, Numbers) => Buffer.from(new Numbers(values).buffer).toString("base64");

async function sample({ id, implementation, case: chosen, dtype, noise, alphas_cumprod: alphas }) {
  const Numbers = dtype === "float64" ? Float64Array : Float32Array;
  const logSigmas = decode(alphas, Float64Array).map((a) => 0.5 * Math.log((1 - a) / a));
  const sigmas = noiseLevels(chosen.grid, chosen.steps, logSigmas).map((sigma) => new Numbers([sigma])[0]);
  const x = decode(noise, Numbers).map((value) => value * sigmas[0]);
  const network = async (input, t, step) => {
    say({ id, ask: "network", x: encode(input, Numbers), t, step });
    return decode((await hear()).value, Numbers);
  };
  const denoise = async (at, sigma, step) => {
    const scale = 1 / Math.sqrt(sigma ** 2 + 1);
    const out = await network(at.map((value) => value * scale), timeOf(sigma, logSigmas), step);
    if (chosen.parameterization === "v") return at.map((value, k) => value * scale ** 2 - out[k] * sigma * scale);
    return at.map((value, k) => value - sigma * out[k]);
  };
  const result = await SAMPLERS[implementation](denoise, x, sigmas);
  const start = x.map((value) => value / Math.sqrt(sigmas[0] ** 2 + 1));
  say({ id, levels: sigmas, level_kind: "sigma", start: encode(start, Numbers), sample: encode(result, Numbers) });
}

for (;;) {
  const { value, done } = await lines.next();
  if (done) break;
  const request = JSON.parse(value);
  if (request.op === "hello") say({ id: request.id, contract: 1, version: "1.0", dtypes: ["float32", "float64"] });
  else await sample(request).catch((error) => say({ id: request.id, error: error.name, message: error.message }));
}
