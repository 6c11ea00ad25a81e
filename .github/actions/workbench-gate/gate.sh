#!/usr/bin/env bash
# Runs the gate with what the action was given, and keeps its exit code for the step that ends the job: a comment comes first.
set -uo pipefail

out=.workbench/ci
mkdir -p "$out"
# A runner that keeps its folder has those of the job before.
rm -f "$out/comment.md" "$out/junit.xml"
arguments=(gate)
[ -n "${SCENARIO:-}" ] && arguments+=("$SCENARIO")
[ -n "${AGAINST_REV:-}" ] && arguments+=(--against-rev "$AGAINST_REV")
[ -n "${AGAINST:-}" ] && arguments+=(--against "$AGAINST")
[ -n "${FOR:-}" ] && arguments+=(--for "$FOR")
[ -n "${CANNOT_TELL:-}" ] && arguments+=(--cannot-tell "$CANNOT_TELL")
[ -n "${BUDGET:-}" ] && arguments+=(--budget "$BUDGET")
[ -n "${OVERRIDE_BUDGET:-}" ] && arguments+=(--override-budget "$OVERRIDE_BUDGET")
while IFS= read -r limit; do
    # Blanks around a line are YAML's doing.
    limit=$(sed 's/^[[:space:]]*//; s/[[:space:]]*$//' <<<"$limit")
    [ -n "$limit" ] && arguments+=(--limit "$limit")
done <<<"${LIMITS:-}"
while IFS= read -r argument; do
    [ -n "$argument" ] && arguments+=("$argument")
done <<<"${ARGUMENTS:-}"
arguments+=(--output annotations --output "comment=$out/comment.md" --output "junit=$out/junit.xml")
[ -n "${GITHUB_STEP_SUMMARY:-}" ] && arguments+=(--output step-summary)

# The command may have arguments of its own: `cargo run --release --`.
read -r -a command <<<"${WORKBENCH:-workbench}"
"${command[@]}" "${arguments[@]}"
code=$?
echo "exit=$code" >>"${GITHUB_OUTPUT:-/dev/null}"
exit 0
