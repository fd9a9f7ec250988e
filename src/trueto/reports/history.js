(() => {
"use strict";
/* Filters, points that open their explanation, and addresses that can be shared. Without it the page is whole, only unfiltered. */
const one = (what, root = document) => root.querySelector(what), all = (what, root = document) => [...root.querySelectorAll(what)];
const bar = one("#filter"), table = one("table.times");
if (!bar || !table) return;
const versions = all("thead th span", table).map((e) => e.textContent), rows = all("tbody tr", table);
const claim = (row) => one("th a", row).hash.slice(1), signs = (row) => all("td a", row);
const first = new Map(rows.map((row) => [row, signs(row).map((a) => [a.title, a.parentNode.className, one("use", a).getAttribute("href")])]));
const asked = new URLSearchParams(location.search);
for (const field of all("select", bar)) if (all("option", field).some((o) => o.value === asked.get(field.name))) field.value = asked.get(field.name);
one("[name=moved]", bar).checked = asked.has("moved");
const line = (slug, layer) => all("svg.time g[data-layer]", document.getElementById(slug)).find((g) => g.dataset.layer === layer && g.matches(".row"));

function put(a, [title, tone, icon]) {
  if (a.title === title && a.parentNode.className === tone) return;
  a.title = title; a.parentNode.className = tone; one("use", a).setAttribute("href", icon);
}

function share(more = {}, hash = location.hash) {
  const now = new URLSearchParams();
  for (const field of all("select", bar)) if (field.value) now.set(field.name, field.value);
  if (one("[name=moved]", bar).checked) now.set("moved", "1");
  for (const [key, value] of Object.entries(more)) now.set(key, value);
  const text = now.toString();
  history.replaceState(null, "", (text ? "?" + text : location.pathname) + hash);
}

function filter() {
  const words = one("[name=layer]", bar).selectedOptions[0].textContent;
  const [layer, from, to] = ["layer", "from", "to"].map((name) => one("[name=" + name + "]", bar).value), moved = one("[name=moved]", bar).checked;
  const low = from ? versions.indexOf(from) : 0, high = to ? versions.indexOf(to) : versions.length - 1;
  const within = (place) => place >= low && place <= high;
  all("thead th", table).slice(1).forEach((th, place) => { th.hidden = !within(place); });
  let shown = 0;
  for (const row of rows) {
    const slug = claim(row), section = document.getElementById(slug), found = layer && line(slug, layer);
    signs(row).forEach((a, place) => {
      const before = first.get(row)[place], sign = found && found.children[place];
      a.parentNode.hidden = !within(place);
      if (!layer) put(a, before);
      else if (!sign) put(a, [versions[place] + ", " + words + ": not part of it", "none", "#i-none"]);
      else put(a, [one("title", sign).textContent, sign.getAttribute("class") + (before[1].includes("changed") ? " changed" : ""), one("use", sign).getAttribute("href")]);
    });
    const changes = all(".changes>li", section);
    for (const item of changes) item.hidden = !within(versions.indexOf(item.dataset.at)) && item.classList.contains("change-at");
    const hide = (moved && !changes.some((item) => !item.hidden && item.classList.contains("change-at"))) || (layer && !found);
    row.hidden = section.hidden = Boolean(hide);
    shown += !hide;
    all("g.curve", section).forEach((g) => { g.style.display = (g.dataset.layer || "") === (found ? layer : "") ? "" : "none"; });
    all("g.row", section).forEach((g) => { g.style.opacity = !layer || g.dataset.layer === layer ? "" : ".25"; });
  }
  one("output", bar).textContent = shown + " of " + rows.length + " originals";
}

function open(slug, version, focus) {
  const section = document.getElementById(slug), place = versions.indexOf(version);
  if (!section || place < 0) return false;
  const items = all(".changes>li", section).filter((item) => versions.indexOf(item.dataset.at) <= place);
  const item = items.pop() || one(".changes>li", section), told = item && one("details", item);
  if (!told) return false;
  all("details[open]", section).forEach((other) => { if (other !== told) other.open = false; });
  told.open = true;
  const said = all("g.row", section).map((g) => g.children[place] && one("title", g.children[place]).textContent).filter(Boolean);
  const list = one(".at", told);
  list.replaceChildren(...said.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  const code = one("pre", told);
  code.textContent = code.textContent.replaceAll("==" + (code.dataset.at || item.dataset.at), "==" + version);
  code.dataset.at = version;
  share({ at: version }, "#" + slug);
  item.scrollIntoView({ block: "center" });
  if (focus) one("summary", told).focus({ preventScroll: true });
  return true;
}

table.addEventListener("click", (event) => {
  const a = event.target.closest("td a");
  if (a && open(claim(a.closest("tr")), versions[signs(a.closest("tr")).indexOf(a)], true)) event.preventDefault();
});
one("main").addEventListener("click", (event) => {
  const sign = event.target.closest("svg.time g.row>g");
  if (sign) open(sign.closest("section").id, versions[[...sign.parentNode.children].indexOf(sign)], false);
});
const marks = all("td a", table);
marks.forEach((a, number) => { a.tabIndex = number ? -1 : 0; });
table.addEventListener("keydown", (event) => {
  const a = event.target.closest("td a"), way = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!a || !way) return;
  const seen = rows.filter((row) => !row.hidden), row = seen.indexOf(a.closest("tr")) + way[0];
  if (!seen[row]) return;
  let place = signs(a.closest("tr")).indexOf(a) + way[1];
  while (signs(seen[row])[place] && signs(seen[row])[place].parentNode.hidden) place += way[1] || 1;
  const next = signs(seen[row])[place];
  if (!next) return;
  event.preventDefault();
  a.tabIndex = -1; next.tabIndex = 0; next.focus();
});
bar.addEventListener("change", () => { filter(); share(); });
bar.addEventListener("submit", (event) => event.preventDefault());
bar.hidden = false;
one("output", bar).textContent = rows.length + " of " + rows.length + " originals";
if (location.search) filter();
const begin = () => { if (asked.has("at") && location.hash) open(decodeURIComponent(location.hash.slice(1)), asked.get("at"), false); };
if (document.readyState === "complete") begin(); else addEventListener("load", begin);
})();
