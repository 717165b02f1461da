-- A text in the form in which search compares: without case, accents, width or invisible marks.
create function search_fold(given text) returns text
language sql immutable parallel safe
return case
  when octet_length(given) = length(given) then lower(given)
  else replace(replace(replace(translate(normalize(regexp_replace(
    normalize(lower(normalize(given, nfkc)), nfkd),
    U&'[\0300-\036F\0591-\05BD\05BF\05C1\05C2\0610-\061A\064B-\065F\0670\00AD\200B-\200F\202A-\202E\2060-\2069\FE00-\FE0F\FEFF]+', '', 'g'), nfc),
    'øđłςı', 'odlσi'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe')
end;
