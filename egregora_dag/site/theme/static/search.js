"use strict";
if (location.protocol === "file:") {
  document.getElementById("opened-as-file").hidden = false;
} else {
  new PagefindUI({
    element: "#search",
    showImages: false,
    showSubResults: false,
    autofocus: true,
    excerptLength: 24,
  });
}
