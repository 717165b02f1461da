-- What search looks through of one thing: its name A, its tags B, its description C, its owner and its field names D.
-- The bounds, in characters, keep it within the megabyte of a tsvector.
create function search_document(name text, tags jsonb, description text, owner text, fields jsonb) returns tsvector
language plpgsql immutable parallel safe
as $$
declare
  parts text[] := array[
    name, replace(search_words(lower(name)), ' ', ''), tags #>> '{}', left(description, 30000),
    owner, left(jsonb_path_query_array(fields, '$[*].name') #>> '{}', 100000)];
  quote constant text := chr(39);
  mark text;
  words text;
  document text := '';
begin
  for i in 1 .. 6 loop
    continue when coalesce(parts[i], '') = '';
    words := search_words(parts[i]);
    if parts[i] ~ '[a-z0-9][A-Z]|[A-Z][A-Z][a-z]' then
      words := words || ' ' || search_words(search_split(parts[i]));
    end if;
    continue when words = '';
    mark := quote || chr(58) || '1' || substr('AABCDD', i, 1) || ' ';
    document := document || quote || replace(left(words, 100000), ' ', mark || quote) || mark;
  end loop;
  return document::tsvector;
end
$$;
