// Keys of the labelling page. Everything they do, a button or link of the page does too.
"use strict";
document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLTextAreaElement || event.target instanceof HTMLInputElement;
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const press = (element) => {
    if (!element) return;
    event.preventDefault();
    element.click();
  };
  if (event.key === "ArrowLeft") {
    press(document.querySelector("a[rel=prev]"));
  } else if (event.key === "r") {
    const reason = document.querySelector("textarea[name=rationale]");
    if (reason) {
      event.preventDefault();
      reason.focus();
    }
  } else {
    const buttons = Array.from(document.querySelectorAll("button[data-key]"));
    press(buttons.find((button) => button.dataset.key === event.key.toLowerCase()));
  }
});
