#!/usr/bin/env bash
# Puts the result on the pull request: a new comment, or the one that its hidden first line finds again.
set -uo pipefail

body=.workbench/ci/comment.md
if [ ! -s "$body" ]; then
    echo "::warning title=workbench::There is no result to comment on: the gate ended before one."
    exit 0
fi
marker=$(head -n 1 "$body")
comments="repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments"
id=$(gh api --paginate "$comments" --jq ".[] | select(.body | startswith(\"$marker\")) | .id" | head -n 1)
if [ -n "$id" ]; then
    gh api --silent -X PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$id" -F "body=@$body"
else
    gh api --silent -X POST "$comments" -F "body=@$body"
fi || echo "::warning title=workbench::The comment could not be written: a pull request from a fork has a token that only reads. The job summary has the same text."
exit 0
