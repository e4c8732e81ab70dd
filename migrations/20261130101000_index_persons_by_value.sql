-- A person's number leads to her `sub`, where clients know her by that number.
CREATE INDEX subject_by_person_value ON subject (person_value);
