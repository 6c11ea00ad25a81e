
// Sandboxed frames may neither open dialogs nor rewrite their address; inferno's script uses both.
(function () {
    var rewrite = window.history.replaceState;
    window.history.replaceState = function () {
        try { rewrite.apply(window.history, arguments); } catch (refused) { /* the picture works without */ }
    };
    var inner = search;
    search = function (term) {
        try { new RegExp(term); } catch (invalid) { return; }
        inner(term);
    };
    function close() {
        var box = document.getElementById("finder-box");
        if (box) box.parentNode.removeChild(box);
    }
    function open() {
        var ns = "http://www.w3.org/2000/svg";
        var box = document.createElementNS(ns, "foreignObject");
        var input = document.createElementNS("http://www.w3.org/1999/xhtml", "input");
        var width = svg.getBoundingClientRect().width;
        box.setAttribute("id", "finder-box");
        box.setAttribute("x", Math.max(0, width - 330));
        box.setAttribute("y", 8);
        box.setAttribute("width", Math.min(260, width));
        box.setAttribute("height", 30);
        input.setAttribute("id", "finder");
        input.setAttribute("type", "text");
        input.setAttribute("placeholder", "search: name or regular expression");
        input.setAttribute("aria-label", "search frames by name or regular expression");
        input.addEventListener("input", function () {
            var problem = "";
            try { new RegExp(input.value); } catch (invalid) { problem = "not a regular expression"; }
            input.setCustomValidity(problem);
        });
        input.addEventListener("keydown", function (event) {
            event.stopPropagation();
            if (event.key === "Escape") close();
            if (event.key === "Enter" && input.value && input.validity.valid) {
                search(input.value);
                close();
                if (!searching) {
                    matchedtxt.classList.remove("hide");
                    matchedtxt.firstChild.nodeValue = "no match";
                }
            }
        });
        box.appendChild(input);
        svg.appendChild(box);
        input.focus();
    }
    search_prompt = function () {
        if (searching) {
            reset_search();
            searching = 0;
            searchbtn.classList.remove("show");
            searchbtn.firstChild.nodeValue = "Search";
            matchedtxt.classList.add("hide");
            matchedtxt.firstChild.nodeValue = "";
        } else if (document.getElementById("finder-box")) {
            close();
        } else {
            open();
        }
    };
})();
