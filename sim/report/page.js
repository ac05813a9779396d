"use strict";
(function () {
  const byId = (id) => document.getElementById(id);

  // The slider reads the curve that was computed with the page.
  const data = byId("delay-data");
  if (data) {
    const curve = JSON.parse(data.textContent);
    const input = byId("delay-input");
    const show = () => {
      const row = curve.rows[Number(input.value)];
      byId("delay-text").textContent = row.delay;
      byId("delay-lost").textContent = row.lost;
      byId("delay-share").textContent = row.share;
      byId("delay-band").textContent = row.band ? ", nine of ten fleets: " + row.band : "";
      byId("delay-by").textContent = row.by;
      input.setAttribute("aria-valuetext", row.delay + ": " + row.lost + " lost");
      byId("delay-needs").querySelectorAll(".verdict").forEach((mark, i) => {
        mark.textContent = row.kept[i] ? "holds" : "fails";
        mark.className = row.kept[i] ? "verdict good" : "verdict bad";
      });
    };
    input.addEventListener("input", show);
    input.value = String(curve.own);
    show();
  }

  const table = byId("devices");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);
  const words = new Intl.Collator("en", { numeric: true });

  const compare = (a, b, column, isNumber) => {
    const x = a.cells[column].textContent;
    const y = b.cells[column].textContent;
    if (!x || !y) return x === y ? 0 : x ? -1 : 1; // what is missing comes last
    return isNumber ? Number(x) - Number(y) : words.compare(x, y);
  };
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((each) => each.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const isNumber = head.classList.contains("n");
      rows.sort((a, b) => {
        const order = compare(a, b, column, isNumber);
        const missing = !a.cells[column].textContent || !b.cells[column].textContent;
        return down && !missing ? -order : order;
      });
      body.append(...rows);
    });
  });

  const filter = byId("filter");
  filter.addEventListener("input", () => {
    const sought = filter.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const cells = Array.from(row.cells, (cell) => cell.textContent.toLowerCase());
      row.hidden = !cells.some((cell) => cell.includes(sought));
      if (!row.hidden) shown += 1;
    }
    byId("shown").textContent = shown + " of " + rows.length + " rows";
  });

  // A cell that a spreadsheet would take for a formula begins with an apostrophe.
  const cell = (text) => '"' + (/^[=+\-@\t\r]/.test(text) ? "'" + text : text).replaceAll('"', '""') + '"';
  byId("export").addEventListener("click", () => {
    const more = byId("devices-more"); // without a filter, the devices that have no row here are saved as well
    const shown = rows.filter((row) => !row.hidden);
    const texts = [table.tHead.rows[0], ...shown].map((row) =>
      Array.from(row.cells, (each) => each.textContent.trim()));
    if (more && !filter.value.trim()) texts.push(...JSON.parse(more.textContent));
    const lines = texts.map((row) => row.map(cell).join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff" + lines.join("\r\n") + "\r\n"], { type: "text/csv" }));
    link.download = "devices-at-risk.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
})();
