(function () {
  "use strict";
  // Comfort only: without scripts the picture stands, and each frame has its title. Names are text nodes alone.
  var pictures = document.querySelector(".pictures"), told = document.getElementById("told"), list = told.querySelector("dl");
  var panes = Array.prototype.slice.call(document.querySelectorAll("svg .pane"));
  if (panes.length !== 2) return;
  var input = told.querySelector("input"), found = document.getElementById("found"), pinned = null, shown = null;
  // By frame: what it is called, what is told of it, and its boxes, pane by pane.
  var frames = new Map();
  panes.forEach(function (pane, side) {
    pane.querySelectorAll("g[data-n]").forEach(function (box) {
      var frame = frames.get(box.dataset.n), title = box.querySelector("title");
      if (!frame) {
        var words = title ? title.textContent : "", at = words.search(/: [^:]* → /);
        frame = { n: box.dataset.n, parent: box.dataset.p, name: words.slice(0, at), rest: words.slice(at + 2).split("; "), box: [null, null], below: [[], []] };
        frames.set(frame.n, frame);
      }
      frame.box[side] = box;
      // The page tells it in full: a tip of the browser's would lie over it.
      if (title) title.remove();
    });
  });
  frames.forEach(function (frame) {
    var caller = frames.get(frame.parent);
    if (caller && caller !== frame) [0, 1].forEach(function (side) { if (frame.box[side]) caller.below[side].push(frame); });
  });

  // Frames of one name, and whether any was judged.
  var alike = new Map(), judged = false;
  frames.forEach(function (frame) {
    if (!alike.has(frame.name)) alike.set(frame.name, []);
    alike.get(frame.name).push(frame);
    judged = judged || frame.rest.some(says);
  });

  function says(words) { return /: (no difference shown|shown to be (more|less))$/.test(words); }

  function line(term, text, kind) {
    var row = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = term; dd.textContent = text; if (kind) dd.className = kind;
    row.append(dt, dd); list.append(row);
  }

  function show(frame) {
    document.querySelectorAll(".here").forEach(function (box) { box.classList.remove("here"); });
    var kin;
    shown = frame; list.textContent = "";
    if (!frame) {
      line("Point at a frame", "its value on both sides, the interval of the difference, and the same frame in the other pane. Click to keep it; with the keyboard, arrows walk, Enter changes panes, Escape lets go.");
      return;
    }
    frame.box.forEach(function (box) { if (box) box.classList.add("here"); });
    line(pinned === frame ? "kept" : "function", frame.name);
    line("with all it calls", frame.rest[0] + (frame.rest[1] === "new" || frame.rest[1] === "gone" ? " (" + frame.rest[1] + ")" : ""));
    var own = frame.rest.filter(function (words) { return words.indexOf("of its own ") === 0; })[0];
    if (own) line("of its own", own.slice(11));
    var interval = frame.rest.filter(says)[0];
    var kind = (frame.box[0] || frame.box[1]).classList;
    line("difference", interval || (judged ? "no difference shown: too little CPU on both sides to be judged" : "no difference shown: one trial a side has no interval"), kind.contains("grew") ? "grew" : kind.contains("shrank") ? "shrank" : "");
    [0, 1].forEach(function (side) {
      if (frame.box[side]) return;
      // Whoever is called from elsewhere now is new in one place and gone from another.
      kin = (alike.get(frame.name) || []).filter(function (other) { return other.box[side]; });
      kin.forEach(function (other) { other.box[side].classList.add("here"); });
      line("not in", panes[side].dataset.side + (kin.length ? " here, but called from elsewhere: " + kin.slice(0, 3).map(function (other) { return other.rest[0]; }).join("; ") + (kin.length > 3 ? " and more" : "")
        : ": it is not there, or too narrow to draw"));
    });
  }

  function of(event) {
    var box = event.target.closest ? event.target.closest("g[data-n]") : null;
    return box ? frames.get(box.dataset.n) : null;
  }

  pictures.onmouseover = function (event) { var frame = of(event); if (frame && !pinned) show(frame); };
  pictures.onmouseleave = function () { if (!pinned) show(null); };
  pictures.onclick = function (event) {
    var frame = of(event);
    pinned = frame && frame !== pinned ? frame : null;
    if (frame) side = frame.box[0] && frame.box[0].contains(event.target) ? 0 : 1;
    show(frame);
  };

  var side = 0;
  function step(frame, by) {
    var caller = frames.get(frame.parent), row = caller && caller !== frame ? caller.below[side] : roots();
    return row[row.indexOf(frame) + by] || frame;
  }
  function roots() {
    return Array.from(frames.values()).filter(function (frame) {
      var caller = frames.get(frame.parent);
      return frame.box[side] && (!caller || caller === frame);
    });
  }
  pictures.tabIndex = 0;
  pictures.setAttribute("role", "application");
  pictures.setAttribute("aria-label", "difference of CPU per operation, two panes: arrows walk from frame to frame, Enter goes to the other pane, Escape lets go");
  pictures.onkeydown = function (event) {
    var at = shown, next = null;
    if (event.key === "Escape") { pinned = null; show(null); event.preventDefault(); return; }
    if (["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Enter"].indexOf(event.key) < 0) return;
    event.preventDefault();
    if (!at) next = roots().sort(function (a, b) { return wide(b) - wide(a); })[0];
    else {
      if (!at.box[side]) side = 1 - side;
      if (event.key === "ArrowUp") next = frames.get(at.parent) || at;
      if (event.key === "ArrowDown") next = at.below[side].slice().sort(function (a, b) { return wide(b) - wide(a); })[0] || at;
      if (event.key === "ArrowLeft") next = step(at, -1);
      if (event.key === "ArrowRight") next = step(at, 1);
      // The same frame on the other side.
      if (event.key === "Enter") { if (at.box[1 - side]) side = 1 - side; next = at; }
    }
    if (!next) return;
    pinned = next; show(next);
    var box = next.box[side] || next.box[1 - side];
    if (box && box.scrollIntoView) box.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  function wide(frame) {
    var rect = frame.box[side] && frame.box[side].querySelector("rect");
    return rect ? Number(rect.getAttribute("width")) : 0;
  }

  input.oninput = function () {
    var wanted = input.value.toLowerCase(), count = [0, 0];
    frames.forEach(function (frame) {
      var hit = !wanted || frame.name.toLowerCase().indexOf(wanted) >= 0;
      frame.box.forEach(function (box, at) {
        if (!box) return;
        box.classList.toggle("dim", !hit);
        if (wanted && hit) count[at]++;
      });
    });
    found.textContent = wanted ? count[0] + " in " + panes[0].dataset.side + ", " + count[1] + " in " + panes[1].dataset.side : "";
  };
  input.onkeydown = function (event) { if (event.key === "Escape") { input.value = ""; input.oninput(); } };

  told.className = "on";
  show(null);
})();
