-- From which event on erasures are signed by the log's key: asked at each start, of a log of
-- millions.
CREATE INDEX event_of_signed_erasures ON event (id) WHERE kind = 'ledger.erasures_signed';
