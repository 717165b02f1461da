-- A text with a space where a capital begins a word inside another one: customerId, HTTPServer.
create function search_split(given text) returns text
language sql immutable parallel safe
return regexp_replace(regexp_replace(given, '([a-z0-9])([A-Z])', '\1 \2', 'g'), '([A-Z])([A-Z][a-z])', '\1 \2', 'g');
