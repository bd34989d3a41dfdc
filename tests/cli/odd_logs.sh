#!/bin/sh
# Curves of logs whose numbers no run would write: the picture is drawn, within bounds, and what is left out is told.
. "$(dirname "$0")/lib.sh"
plot() { # CODE NAME
    run "$1" timeout 60 "$CSEG" plot "$2.log.json" --out "$2.png"
}
# Neighbours of double, between which there are no ticks to go through; steps to which 1 adds nothing; the ends of all.
echo '{"step":1,"loss":1}
{"step":1.0000000000000002,"loss":1.0000000000000002}' > near.log.json
echo '{"step":1e20,"loss":-1e-320}
{"step":1e20,"loss":5e-324}' > far.log.json
echo '{"step":-1e308,"loss":-1e308}
{"step":1e308,"loss":1e308}
{"step":1,"loss":1e400}
{"step":2,"loss":3}
{"step":3,"loss":4}' > ends.log.json
for name in near far ends; do
    plot 0 $name
    check "$name.png is a picture" [ -s $name.png ]
    check "no warning" [ ! -s err.txt ]
done
# What cannot be drawn is left out: the rest is drawn as if alone.
tail -n 2 ends.log.json > two.log.json
mkdir same && cp two.log.json same/ends.log.json
run 0 "$CSEG" plot same/ends.log.json --out two.png
run 0 "$CSEG" plot ends.log.json --out ends.png
check "the rest is drawn as if alone" cmp -s two.png ends.png

# A NUL ends no file, and lines that are no JSON are told: the curve behind them is there.
printf '{"step":1,"loss":1}\n{"st\000ep":2,"loss":9}\n\n{"step":3,"loss":3}\n{"step":4,"lo' > same/torn.log.json
run 0 "$CSEG" plot same/torn.log.json --out torn.png
says_error "same/torn.log.json: 2 lines of this log are no JSON and are left out"
mkdir whole && printf '{"step":1,"loss":1}\n{"step":3,"loss":3}\n' > whole/torn.log.json
run 0 "$CSEG" plot whole/torn.log.json --out whole.png
check "the curve goes on behind them" cmp -s torn.png whole.png
finish
