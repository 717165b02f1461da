-- The words of a text, folded, with a space between them. They end at whatever is no letter and no digit; a sign of a
-- script without spaces is a word, and so is an emoji. Words are cut where a tsvector would not take them.
create function search_words(given text) returns text
language plpgsql immutable strict parallel safe
as $$
declare
  words text;
begin
  if octet_length(given) = length(given) then
    words := regexp_replace(lower(given), '[^a-z0-9]+', ' ', 'g');
  else
    words := regexp_replace(search_fold(given),
      U&'([\2600-\27BF\3040-\30FF\3400-\9FFF\F900-\FAFF\+01F000-\+01FAFF\+020000-\+03FFFF])', ' \1 ', 'g');
    words := regexp_replace(words,
      U&'([^a-z0-9\00C0-\1FFF\2600-\2FFF\3005-\FDFF\FE20-\FEFE\FF10-\+10FFFF]|[\00D7\00F7\060C\061B\061F\06D4\1680])+',
      ' ', 'g');
  end if;
  if length(words) > 255 then
    words := regexp_replace(words, '([^ ]{255})[^ ]+', '\1', 'g');
  end if;
  return btrim(words, ' ');
end
$$;
