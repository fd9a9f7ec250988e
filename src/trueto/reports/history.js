(() => {
"use strict";
/* Plots, drawn when they come near; filters, points that open their explanation, and addresses that can be shared. Without it the page has
   the table and what changed, in words. All figures are in #data: what is text there only ever becomes text. */
const one = (what, root = document) => root.querySelector(what), all = (what, root = document) => [...root.querySelectorAll(what)];
const bar = one("#filter"), table = one("table.times"), source = one("#data");
if (!bar || !table || !source) return;
const data = JSON.parse(source.textContent), versions = data.versions;
const lines = new Map(data.lines.map((line) => [line.slug, line])), rows = all("tbody tr", table);
const claim = (row) => one("th a", row).hash.slice(1), signs = (row) => [...row.cells].slice(1).map((td) => td.firstChild);
const asked = new URLSearchParams(location.search), drawn = new Set();
const words = (layer) => data.layers[layer] || layer;
const make = (tag, about, ...inside) => { const made = Object.assign(document.createElement(tag), about); made.append(...inside); return made; };

/* What was found: a cell is [verdict, variant, case, distance, distance at each step, profile and seed]. Of several profiles and seeds the
   worst cell of those that are chosen stands for a layer. */
const chosen = { profile: "", seed: "" };
const fits = (where) => [chosen.profile, chosen.seed].every((value, number) => !value || data.wheres[where][number] === value);
const bad = (found) => found ? data.signs[found[0]][3] + (found[3] ? 1 - 1 / (1 + +found[3]) : 0) : -1;
const worse = (one, other) => bad(other) > bad(one) ? other : one;
function unpacked(line) {
  if (!line.packed) {
    line.packed = line.rows.map(([where, layer, kinds, ratios, curves]) => {
      const far = ratios.split(","), steps = (curves || "").split(",");
      return [where, layer, kinds.split(",").map((kind, place) => kind && [...data.kinds[kind], far[place], steps[place] && data.curves[steps[place]], where])];
    });
    line.why = line.why.split(",").map((number) => number && data.reasons[number]);
  }
  const now = JSON.stringify(chosen);
  if (line.now !== now) {
    line.now = now;
    line.cells = new Map();
    for (const [where, layer, cells] of line.packed) if (fits(where)) {
      const before = line.cells.get(layer);
      line.cells.set(layer, before ? before.map((found, place) => worse(found, cells[place])) : cells);
    }
    line.worst = versions.map((_, place) => [...line.cells].reduce((found, [layer, cells]) => bad(cells[place]) > bad(found && line.cells.get(found)[place]) ? layer : found, ""));
  }
  return line;
}
const layersOf = (line) => [...unpacked(line).cells.keys()];
const cell = (line, layer, place) => (unpacked(line).cells.get(layer) || [])[place];
const movedAt = (line) => line.changed.filter(([, wheres]) => wheres.some(fits)).map(([place]) => place);
const said = ([verdict, variant, , far]) => [verdict, far && far + " times the rounding", variant && "as " + variant].filter(Boolean).join(", ");

/* Title, tone and icon of a sign; of the worst layer where none is asked for. */
function look(line, asks, place) {
  const layer = asks || unpacked(line).worst[place], found = layer && cell(line, layer, place), [tone, icon] = data.signs[found ? found[0] : "no claim"];
  const what = found ? said(found) : unpacked(line).why[place] || "not part of it";
  return [versions[place] + ", " + (layer ? words(layer) + ": " : "") + what, tone, icon];
}

/* The plot: distance on a logarithmic axis, below it a sign for each layer and release. */
const LEFT = 128, COLUMN = 34, TOP = 28, PLOT = 130, ROW = 24, BOTTOM = 108, SIGN = 16, LOWEST = -1;
const NS = "http://www.w3.org/2000/svg", at = (place) => LEFT + COLUMN * (place + 0.5);
function svg(tag, about, ...inside) {
  const made = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(about)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}
const shape = (name, d) => svg("path", { class: name, d });
const power = (number) => number ? "10" + [...String(number)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("") : "1";
const ratios = (line, layer, place) => layersOf(line).filter((each) => !layer || each === layer).map((each) => cell(line, each, place)).filter((c) => c && c[3]).map((c) => +c[3]);

function curve(line, layer, y) {
  let path = "", inside = "", outside = "", pen = "M";
  versions.forEach((_, place) => {
    const values = ratios(line, layer, place);
    if (!values.length) { pen = "M"; return; }
    const value = Math.max(...values), point = at(place) + " " + y(value).toFixed(0), dot = "M" + point + "h0";
    path += pen + point; pen = "L";
    if (value > data.factor) outside += dot; else inside += dot;
  });
  const group = svg("g", { class: "curve", "data-layer": layer }, ...[["drift", path], ["in", inside], ["out", outside]].filter((s) => s[1]).map((s) => shape(...s)));
  group.style.display = layer ? "none" : "";
  return group;
}

function signsOf(line, layer, row) {
  const y = TOP + PLOT + 12 + ROW * row;
  const marks = versions.map((_, place) => {
    const [title, tone, icon] = look(line, layer, place), name = svg("title", {});
    name.textContent = title;
    return svg("g", { class: tone }, name, svg("use", { href: "#i-" + icon, x: at(place) - SIGN / 2, y, width: SIGN, height: SIGN }));
  });
  const name = svg("text", { x: 0, y: y + 13 });
  name.textContent = words(layer);
  return [name, svg("g", { class: "row", "data-layer": layer }, ...marks)];
}

function plot(line, label) {
  const layers = layersOf(line), changed = movedAt(line), count = layers.length, right = LEFT + COLUMN * versions.length, height = TOP + PLOT + 14 + ROW * count + BOTTOM;
  const values = versions.flatMap((_, place) => ratios(line, "", place)).filter((value) => value > 0);
  const high = Math.max(2, Math.ceil(values.length ? Math.log10(values.reduce((a, b) => Math.max(a, b))) : 1));
  const y = (value) => TOP + PLOT * (1 - ((value > 0 ? Math.max(LOWEST, Math.log10(value)) : LOWEST) - LOWEST) / (high - LOWEST));
  const text = (words, about) => { const made = svg("text", about); made.textContent = words; return made; };
  const axis = [], step = Math.max(1, Math.ceil((high - LOWEST) / 5));
  for (let tick = LOWEST + 1; tick <= high; tick += step) {
    const here = Math.round(y(10 ** tick));
    axis.push(shape("grid", "M" + LEFT + " " + here + "H" + right), text(power(tick), { x: LEFT - 8, y: here + 4 }));
  }
  versions.forEach((version, place) => {
    const about = { transform: "translate(" + (at(place) + 4) + " " + (TOP + PLOT + 18 + ROW * count) + ") rotate(-45)" };
    axis.push(changed.includes(place) ? text(data.named[place].replace(" of ", ", "), { ...about, class: "at" }) : text(version, about));
  });
  const changes = changed.map((place) => shape("change", "M" + (at(place) - COLUMN / 2) + " " + (TOP - 8) + "V" + (TOP + PLOT + 8 + ROW * count)));
  return svg("svg", { role: "img", "aria-label": label, class: "time", width: right + 8, height, viewBox: "0 0 " + (right + 8) + " " + height },
    shape("band", "M" + LEFT + " " + y(data.factor).toFixed(0) + "H" + right + "V" + (TOP + PLOT) + "H" + LEFT + "z"),
    text("times its own rounding", { x: 0, y: 12 }), svg("g", { "text-anchor": "end" }, ...axis), ...changes,
    ...["", ...layers].map((layer) => curve(line, layer, y)), ...layers.flatMap((layer, number) => signsOf(line, layer, number)));
}

/* A part of one release step by step, where its record has that: a letter a step, tenths of a power of ten from "-". */
const WIDE = 340, HIGH = 84, UNDER = 18;
function stepwise(line, layer, place) {
  const found = cell(line, layer, place), logs = [...(found && found[4] || "")].map((letter) => (letter.charCodeAt(0) - 45) / 10);
  if (logs.length < 2) return null;
  const high = Math.max(2, Math.ceil(Math.max(...logs))), x = (step) => 40 + (WIDE - 48) * step / (logs.length - 1);
  const y = (log) => 6 + HIGH * (1 - (log - LOWEST) / (high - LOWEST)), bottom = HIGH + 6, edge = Math.log10(data.factor);
  let path = "", inside = "", outside = "";
  logs.forEach((log, step) => {
    const point = x(step).toFixed(0) + " " + y(log).toFixed(0);
    path += (step ? "L" : "M") + point;
    if (log > edge) outside += "M" + point + "h0"; else inside += "M" + point + "h0";
  });
  const text = (words, about) => { const made = svg("text", about); made.textContent = words; return made; };
  const ticks = [0, high].flatMap((log) => [shape("grid", "M40 " + y(log).toFixed(0) + "H" + WIDE), text(power(log), { x: 34, y: y(log) + 4, "text-anchor": "end" })]);
  const label = words(layer) + ", step by step: how many times the original's own rounding it is away, " + logs.filter((log) => log > edge).length + " of " + logs.length + " steps outside of it";
  const shown = svg("svg", { role: "img", "aria-label": label, class: "steps", viewBox: "0 0 " + WIDE + " " + (bottom + UNDER), width: WIDE, height: bottom + UNDER },
    shape("band", "M40 " + y(edge).toFixed(0) + "H" + WIDE + "V" + bottom + "H40z"), ...ticks,
    ...[["drift", path], ["in", inside], ["out", outside]].filter((s) => s[1]).map((s) => shape(...s)),
    text("first of " + logs.length + " steps", { x: 40, y: bottom + 14 }), text("last", { x: WIDE, y: bottom + 14, "text-anchor": "end" }));
  return make("figure", { className: "steps" }, make("figcaption", { textContent: words(layer) + ", step by step" }), shown);
}

/* What a claim was at one release, layer by layer, and what to type. */
const under = ([profile, seed]) => (profile === "default" ? "" : " --profile " + quoted(profile)) + (chosen.seed ? " --seed " + quoted(seed) : "");
const quoted = (text) => /^[\w@%+=:,./-]+$/.test(text) ? text : "'" + text.replaceAll("'", "'\"'\"'") + "'";
/* What the ledger says of a part that is as it declares: the entries whose knobs are all among those that were found. */
function declared(line, place) {
  const told = new Set();
  for (const layer of layersOf(line)) {
    const found = cell(line, layer, place), knobs = found && found[1] ? found[1].split(",") : [];
    for (const [layers, variant, reason, link] of line.ledger.map((number) => data.ledger[number])) {
      if (!layers.includes(layer) || !variant.split(",").every((knob) => knobs.includes(knob))) continue;
      told.add("the ledger says of " + variant + ": " + reason + (link ? " (" + link + ")" : ""));
    }
  }
  return [...told].map((textContent) => make("li", { textContent }));
}

function tell(details, line, place) {
  const name = data.candidate + "==" + versions[place], worst = unpacked(line).worst[place], found = worst && cell(line, worst, place);
  const parts = layersOf(line).filter((layer) => cell(line, layer, place)).map((layer) => make("li", { textContent: look(line, layer, place)[0] }));
  if (!found) parts.push(make("li", { textContent: look(line, "", place)[0] }));
  const typed = ["trueto gate " + name + " --claim " + quoted(line.claim) + " --quick" + (found ? under(data.wheres[found[5]]) : "")];
  if (found && !data.signs[found[0]][2]) typed.push("trueto explain " + name + " " + quoted(line.claim + ":" + worst + ":" + found[2]));
  const held = one(".gateway a", details.closest("section")), page = data.pages[line.slug], asks = new URLSearchParams({ candidate: data.candidate, version: versions[place] });
  const links = [held && ["its run in MLflow", held.href.replace("&releases", "") + "&" + asks], page && ["what the ledger says, and why", page + "#declared"]].filter(Boolean);
  const ways = links.map(([textContent, href]) => make("li", {}, make("a", { textContent, href })));
  details.dataset.place = place;
  details.replaceChildren(one("summary", details), make("ul", { className: "at" }, ...parts, ...declared(line, place)), ...layersOf(line).map((layer) => stepwise(line, layer, place)).filter(Boolean), make("pre", { className: "wrap", textContent: typed.join("\n") }), ...(ways.length ? [make("ul", { className: "ways" }, ...ways)] : []));
}

function draw(section) {
  const line = lines.get(section.id);
  if (!line || drawn.has(section)) return;
  drawn.add(section);
  for (const item of all(".changes>li", section)) {
    const details = make("details", {}, make("summary", { textContent: "Part by part, and how to repeat it" }));
    details.addEventListener("toggle", () => { if (details.open && !one("pre", details)) tell(details, line, versions.indexOf(item.dataset.at)); });
    item.append(details);
  }
  sketch(section);
}

/* The plot under what is chosen; what was told under another choice is told anew. */
function sketch(section) {
  const line = lines.get(section.id), about = line.claim + " over the releases of " + data.candidate + ": " + one("h3 small", section).textContent + ".";
  const box = make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "time line of " + line.claim });
  box.append(plot(line, about + " The signs below the plot are the verdicts of each layer."));
  one("figure", section).replaceChildren(box);
  for (const details of all("details", section)) {
    if (details.open) tell(details, line, +details.dataset.place);
    else details.replaceChildren(one("summary", details));
  }
  dress(section);
}

/* Which curve is shown. */
function dress(section) {
  const line = lines.get(section.id), asks = one("[name=layer]", bar).value, layer = layersOf(line).includes(asks) ? asks : "";
  all("g.curve", section).forEach((g) => { g.style.display = g.dataset.layer === layer ? "" : "none"; });
  all("g.row", section).forEach((g) => { g.style.opacity = !layer || g.dataset.layer === layer ? "" : ".25"; });
}

function put(a, [title, tone, icon], changed) {
  if (a.title === title) return;
  const now = tone + (changed ? " changed" : ""), mark = "s-" + icon;
  a.title = title;
  if (a.parentNode.className !== now) a.parentNode.className = now;
  if (a.className !== mark) a.className = mark;
}

for (const field of all("select", bar)) if (all("option", field).some((o) => o.value === asked.get(field.name))) field.value = asked.get(field.name);
one("[name=moved]", bar).checked = asked.has("moved");
table.parentNode.scrollLeft = table.scrollWidth; // where not all have room, the newest releases are those in sight

function share(more = {}, hash = location.hash) {
  const now = new URLSearchParams();
  for (const field of all("select", bar)) if (field.value) now.set(field.name, field.value);
  if (one("[name=moved]", bar).checked) now.set("moved", "1");
  for (const [key, value] of Object.entries(more)) now.set(key, value);
  const text = now.toString();
  history.replaceState(null, "", (text ? "?" + text : location.pathname) + hash);
}

function filter() {
  const [layer, from, to] = ["layer", "from", "to"].map((name) => one("[name=" + name + "]", bar).value), moved = one("[name=moved]", bar).checked;
  const before = JSON.stringify(chosen);
  for (const name of Object.keys(chosen)) chosen[name] = (one("select[name=" + name + "]", bar) || { value: "" }).value;
  const anew = before !== JSON.stringify(chosen), low = from ? versions.indexOf(from) : 0, high = to ? versions.indexOf(to) : versions.length - 1;
  const within = (place) => place >= low && place <= high;
  all("thead th", table).slice(1).forEach((th, place) => { th.hidden = !within(place); });
  let shown = 0;
  for (const row of rows) {
    const line = lines.get(claim(row)), section = document.getElementById(line.slug), layers = layersOf(line), changed = movedAt(line);
    const has = layer ? layers.includes(layer) : layers.length > 0;
    signs(row).forEach((a, place) => {
      if (a.parentNode.hidden === within(place)) a.parentNode.hidden = !within(place);
      put(a, look(line, layer, place), changed.includes(place));
    });
    for (const item of all(".change-at", section)) item.hidden = !within(versions.indexOf(item.dataset.at)) || !changed.includes(versions.indexOf(item.dataset.at));
    row.hidden = section.hidden = !has || (moved && !changed.some(within));
    shown += !row.hidden;
    if (drawn.has(section)) (anew ? sketch : dress)(section);
  }
  one("output", bar).textContent = shown + " of " + rows.length + " claims";
}

function open(slug, version, focus) {
  const section = document.getElementById(slug), place = versions.indexOf(version);
  if (!section || place < 0) return false;
  draw(section);
  const items = all(".changes>li", section).filter((item) => versions.indexOf(item.dataset.at) <= place);
  const item = items.pop() || one(".changes>li", section), told = item && one("details", item);
  if (!told) return false;
  all("details[open]", section).forEach((other) => { if (other !== told) other.open = false; });
  tell(told, lines.get(slug), place);
  told.open = true;
  share({ at: version }, "#" + slug);
  const box = one("figure .scroll", section);
  box.scrollLeft = at(place) - box.clientWidth / 2;
  item.scrollIntoView({ block: "center" });
  if (focus) one("summary", told).focus({ preventScroll: true });
  return true;
}

table.addEventListener("click", (event) => {
  const a = event.target.closest("td a");
  if (a && open(claim(a.closest("tr")), versions[a.parentNode.cellIndex - 1], true)) event.preventDefault();
});
one("main").addEventListener("click", (event) => {
  const sign = event.target.closest("svg.time g.row>g");
  if (sign) open(sign.closest("section").id, versions[[...sign.parentNode.children].indexOf(sign)], false);
});
table.addEventListener("keydown", (event) => {
  const a = event.target.closest("td a"), way = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!a || !way) return;
  const seen = rows.filter((row) => !row.hidden), row = seen[seen.indexOf(a.closest("tr")) + way[0]];
  if (!row) return;
  let place = a.parentNode.cellIndex + way[1];
  while (row.cells[place] && row.cells[place].hidden) place += way[1] || 1;
  const next = place && row.cells[place] && row.cells[place].firstChild;
  if (!next) return;
  event.preventDefault();
  a.tabIndex = -1; next.tabIndex = 0; next.focus();
});
rows.forEach((row, number) => {
  const line = lines.get(claim(row));
  signs(row).forEach((a, place) => { a.title = look(line, "", place)[0]; a.tabIndex = number || place ? -1 : 0; });
});
bar.addEventListener("change", () => { filter(); share(); });
bar.addEventListener("submit", (event) => event.preventDefault());
bar.hidden = false;
one("output", bar).textContent = rows.length + " of " + rows.length + " claims";
if (location.search) filter();
const near = new IntersectionObserver((seen) => {
  for (const entry of seen) if (entry.isIntersecting) { near.unobserve(entry.target); draw(entry.target); }
}, { rootMargin: "600px 0px" });
const sections = all("section.line");
sections.forEach((section) => near.observe(section));
addEventListener("beforeprint", () => sections.forEach(draw));
const begin = () => { if (asked.has("at") && location.hash) open(decodeURIComponent(location.hash.slice(1)), asked.get("at"), false); };
if (document.readyState === "complete") begin(); else addEventListener("load", begin);
})();
