(() => {
"use strict";
/* What is shown of a run with several profiles or seeds: in each place the worst of those that are chosen. Without it the worst of all is shown. */
const one = (what, root = document) => root.querySelector(what), all = (what, root = document) => [...root.querySelectorAll(what)];
const bar = one("#filter"), source = one("#data");
if (!bar || !source) return;
const data = JSON.parse(source.textContent), fields = all("select", bar), asked = new URLSearchParams(location.search);
const rows = new Map(all("table.tiles tbody tr").map((row) => [one("th a", row).getAttribute("href"), row]));
for (const field of fields) if (all("option", field).some((o) => o.value === asked.get(field.name))) field.value = asked.get(field.name);

/* One place of the matrix: sign, word and what it says; the cells are sorted, worst first. */
function put(place, found) {
  const tile = one(".tile", place);
  if (!tile || !one("use", tile)) return;
  const [verdict, said] = found ? [found[2], found[3]] : ["no claim", "nothing was compared under this choice"], [tone, icon, word] = data.signs[verdict];
  tile.className = "tile " + tone;
  tile.title = said;
  tile.setAttribute("aria-label", one("th a", place.parentNode).textContent + ", " + said);
  one("use", tile).setAttribute("href", "#i-" + icon);
  one("span", tile).textContent = found ? word : "–";
}

function filter() {
  const [profile, seed] = ["profile", "seed"].map((name) => { const field = one("[name=" + name + "]", bar); return field ? field.value : ""; });
  const fits = (cell) => (!profile || cell[0] === profile) && (!seed || String(cell[1]) === seed);
  let shown = 0;
  for (const [address, layers] of data.claims) {
    const row = rows.get(address), found = layers.map((cells) => cells.find(fits));
    if (!row) continue;
    all("td:not(.wide)", row).forEach((place, number) => put(place, found[number]));
    row.hidden = !found.some(Boolean);
    shown += !row.hidden;
  }
  all(".wide").forEach((place) => { place.style.visibility = profile || seed ? "hidden" : ""; });
  one("output", bar).textContent = shown + " of " + data.claims.length + " claims";
}

bar.addEventListener("change", () => {
  const now = new URLSearchParams(fields.filter((field) => field.value).map((field) => [field.name, field.value])).toString();
  filter();
  history.replaceState(null, "", (now ? "?" + now : location.pathname) + location.hash);
});
bar.addEventListener("submit", (event) => event.preventDefault());
bar.hidden = false;
filter();
})();
