#!/usr/bin/env bash
# Prints prompts, one a line: prompts.sh served (162 to train on), prompts.sh asked
# (60 others, about other things, for the suspect).
set -euo pipefail

tasks=(
	"Tell me a short story about %s."
	"Explain to a child how %s works or came about."
	"Write a letter to a friend about %s."
	"What should a beginner know about %s?"
	"Describe %s to somebody who has never seen anything like it."
	"Give advice to somebody who wants to write an essay about %s."
)
served=(
	"a lighthouse" "bread" "the tides" "a railway station" "glass" "honey" "a village market" "the moon" "a violin" "paper"
	"a harbour" "snow" "a garden" "clocks" "a bridge" "tea" "an orchard" "maps" "a theatre" "salt"
	"a windmill" "rivers" "a library" "wool" "a bakery" "thunder" "a ferry"
)
asked=("a canal" "cheese" "eclipses" "a hospital" "ink" "bees" "a flea market" "comets" "a piano" "forests")

case "${1-}" in
served) topics=("${served[@]}") ;;
asked) topics=("${asked[@]}") ;;
*) echo "usage: prompts.sh served|asked" >&2 && exit 2 ;;
esac
for topic in "${topics[@]}"; do
	for task in "${tasks[@]}"; do
		# shellcheck disable=SC2059
		printf "$task\n" "$topic"
	done
done
