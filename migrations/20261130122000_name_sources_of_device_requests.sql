-- source is what a node calls the network that a public client's request came from, until the node
-- ends: no address, and no way back to one. Empty for clients that have proven themselves.
ALTER TABLE device_authorization ADD COLUMN source TEXT;
