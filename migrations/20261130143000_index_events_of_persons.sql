-- A person's own page reads what is on record about her, page by page: ids sort by time. What
-- concerns nobody, as most of what strangers bring about, has no entry in it.
CREATE INDEX event_of_person ON event (sub, id) WHERE sub IS NOT NULL;
