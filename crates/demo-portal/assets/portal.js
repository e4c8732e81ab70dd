// Leaves the page as soon as the session is over: the server says so, or it no longer knows us.
"use strict";

const events = new EventSource("/session/events");

events.addEventListener("ended", () => {
  events.close();
  window.location.replace("/session/ended");
});

// Signing out ends the session too, but then the browser is already on its way to the provider.
document.addEventListener("submit", () => events.close());
