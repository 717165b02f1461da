-- The query that a text is: every word must stand where `weights` allow, whole or at the beginning of a word there.
-- At a beginning an English word may also stand in another form. Null where the text holds no word.
create function search_query(given text, weights text, whole boolean) returns tsquery
language sql immutable parallel safe
begin atomic
  select string_agg('(' || each.query || ')', ' | ')::tsquery
  from (
    select string_agg('(' || (
        select string_agg(quote_literal(form) || chr(58) || case when whole then '' else '*' end || weights, ' | ')
        from unnest(case when whole or word !~ '..(s|y|ing|ed)$' then array[word]
                         when stem ~ 'i$' then array[word, stem, left(stem, -1) || 'y']
                         else array[word, stem] end) form
      ) || ')', ' & ') as query
    from (select search_words(lower(given)) union select search_words(search_split(given))) spelt(words),
      string_to_table(nullif(words, ''), ' ') word,
      coalesce((ts_lexize('english_stem', word))[1], word) stem
    group by words
  ) each;
end;
