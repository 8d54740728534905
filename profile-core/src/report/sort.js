document.querySelectorAll("table.functions").forEach(function (table) {
  var unit = { ns: 1, "µs": 1e3, ms: 1e6, s: 1e9, B: 1, KiB: 1024, MiB: 1048576, GiB: 1073741824, TiB: 1099511627776 };
  function value(row, column) {
    var words = row.cells[column].textContent.trim().split(" ");
    var number = parseFloat(words[0].replace(/,/g, ""));
    return isNaN(number) ? -Infinity : number * (unit[words[1]] || 1);
  }
  var heads = table.rows[0].cells;
  Array.prototype.forEach.call(heads, function (head, column) {
    head.onclick = function () {
      var rows = Array.prototype.slice.call(table.rows, 1);
      rows.sort(function (a, b) {
        return column ? value(b, column) - value(a, column)
          : a.cells[0].textContent.localeCompare(b.cells[0].textContent);
      });
      rows.forEach(function (row) { row.parentNode.appendChild(row); });
      Array.prototype.forEach.call(heads, function (other) { other.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", column ? "descending" : "ascending");
    };
  });
});
