"use strict";

// Keys: j and k go along the rows, g and a letter goes to a page, / to the search. Without this, Tab does.
let went = 0;

function along(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  const here = rows.indexOf(document.activeElement);
  const next = rows[here < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, here + step))];
  if (next) {
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "Escape" && typing) typing.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const page = Date.now() - went < 1500 && document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
  went = event.key === "g" ? Date.now() : 0;
  if (page) page.click();
  else if (event.key === "j") along(1);
  else if (event.key === "k") along(-1);
  else if (event.key === "/") document.querySelector("#search")?.focus();
  else return;
  event.preventDefault();
});
