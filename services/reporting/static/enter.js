// Takes the token out of the address and hands it in as the form would: the token never stays in the history.
"use strict";
const handed = new URLSearchParams(window.location.hash.slice(1)).get("token");
if (handed) {
  window.history.replaceState(null, "", window.location.pathname + window.location.search);
  document.getElementById("token").value = handed;
  document.getElementById("enter").submit();
}
