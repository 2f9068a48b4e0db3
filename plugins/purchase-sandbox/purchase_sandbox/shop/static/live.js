"use strict";
// Every line arrives as text, and is put into the page as text.
const feed = document.getElementById("feed");
const state = document.getElementById("state");
const ROWS_MAX = 200;
const source = new EventSource(feed.dataset.from);
source.onopen = () => { feed.replaceChildren(); state.textContent = "Listening."; };
source.onerror = () => { state.textContent = "The shop is gone; trying again."; };
source.onmessage = ({ data }) => {
  const line = JSON.parse(data);
  const row = document.createElement("tr");
  row.className = line.kind;
  for (const text of [line.at, (line.kind === "webhook" ? "→ " : "") + line.name, line.about, line.outcome]) {
    const cell = document.createElement("td");
    cell.textContent = text;
    row.append(cell);
  }
  feed.prepend(row);
  while (feed.rows.length > ROWS_MAX) feed.lastElementChild.remove();
};
