(function () {
  "use strict";
  // Comfort only: the page is complete without this.
  var all = Array.prototype.slice.call(document.querySelectorAll("details"));
  var before = [];
  window.addEventListener("beforeprint", function () {
    before = all.map(function (one) { return one.open; });
    all.forEach(function (one) { one.open = true; });
  });
  window.addEventListener("afterprint", function () {
    all.forEach(function (one, index) { one.open = before[index]; });
  });
  // Pointing at a name in a legend lifts its lines out of the others.
  document.querySelectorAll(".legend li").forEach(function (entry) {
    var section = entry.closest("section");
    function lift(on) {
      section.querySelectorAll("svg.chart").forEach(function (chart) {
        chart.classList.toggle("lifting", on);
        chart.querySelectorAll("." + entry.dataset.series).forEach(function (mark) { mark.classList.toggle("lifted", on); });
      });
    }
    entry.tabIndex = 0;
    entry.addEventListener("mouseenter", function () { lift(true); });
    entry.addEventListener("mouseleave", function () { lift(false); });
    entry.addEventListener("focus", function () { lift(true); });
    entry.addEventListener("blur", function () { lift(false); });
  });
})();
