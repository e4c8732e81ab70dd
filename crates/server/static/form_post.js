// Sends the one form of this page on its way to the portal.
"use strict";

document.getElementById("answer").submit();
