#!/usr/bin/env bash
# Sends a file to a Lakemesh server and prints the fileUrl that appendData takes.
#   API_KEY=lmk_... client_examples/upload.sh payments.csv
set -euo pipefail

: "${API_KEY:?is not set: export the key that the server printed at its first start}"
server=${LAKEMESH:-http://127.0.0.1:8000}
file=${1:?is missing: name the file to send}

# One string of the answer, by its path; the server's own words where it refused.
field() {
  python3 -c '
import json, sys
value = json.load(sys.stdin)
if "errors" in value:
    sys.exit(value["errors"][0]["message"])
for name in sys.argv[1].split("."):
    value = value[name]
print(value)' "$1"
}

body=$(python3 -c '
import json, pathlib, sys
query = "mutation($input: CreateUploadUrlInput!) { createUploadUrl(input: $input) { fileUrl uploadUrl { url } } }"
name = pathlib.Path(sys.argv[1]).name
print(json.dumps({"query": query, "variables": {"input": {"filename": name}}}))' "$file")

answer=$(curl -sS "$server/graphql" -H "Authorization: Bearer $API_KEY" -H 'Content-Type: application/json' -d "$body")
address=$(field data.createUploadUrl.uploadUrl.url <<<"$answer")
curl -sS --fail-with-body -o /dev/null -T "$file" "$address"
field data.createUploadUrl.fileUrl <<<"$answer"
