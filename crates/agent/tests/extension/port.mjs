// Both ends of a browser's port, as far as the extension uses it.

class Listeners {
  #all = [];
  addListener(listener) { this.#all.push(listener); }
  tell(...values) { for (const listener of this.#all) listener(...values); }
}

export class Port {
  onMessage = new Listeners();
  onDisconnect = new Listeners();
  sent = [];
  open = true;

  constructor(members = {}) { Object.assign(this, members); }
  postMessage(message) {
    if (!this.open) throw new Error("Attempting to use a disconnected port object");
    this.sent.push(message);
  }
  disconnect() { this.open = false; }
  says(message) { this.onMessage.tell(message); }
  goes() { this.open = false; this.onDisconnect.tell(this); }
}
