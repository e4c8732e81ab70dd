#!/bin/sh
# A pinentry for tests. Tests link to it from a folder of theirs, where it finds the file "answers":
# one line for each GETPIN, CONFIRM or MESSAGE (the last line repeats), one of
#   pin DIGITS | slow pin DIGITS | when told pin DIGITS | ok | cancel | decline | timeout | error
#   | broken TEXT | no keyboard | wait
# It appends what it is told to "log" there.
here=$(dirname "$0")
echo 'OK ready'
while read -r line; do
    printf '%s\n' "$line" >>"$here/log"
    case "$line" in
        GETPIN* | CONFIRM* | MESSAGE*)
            asked=$(($(cat "$here/asked" 2>/dev/null || echo 0) + 1))
            echo "$asked" >"$here/asked"
            lines=$(wc -l <"$here/answers")
            [ "$asked" -gt "$lines" ] && asked=$lines
            answer=$(sed -n "${asked}p" "$here/answers")
            case "$answer" in
                pin*) printf 'D %s\nOK\n' "${answer#pin }" ;;
                slow*) sleep 1 && printf 'D %s\nOK\n' "${answer#slow pin }" ;;
                when*)
                    # Not for ever: the folder goes with its test.
                    until [ -e "$here/told" ] || [ ! -d "$here" ]; do sleep 0.05; done
                    printf 'D %s\nOK\n' "${answer#when told pin }"
                    ;;
                ok) echo OK ;;
                cancel) echo 'ERR 83886179 Operation cancelled' ;;
                decline) echo 'ERR 83886194 Not confirmed' ;;
                'no keyboard')
                    echo '** CRITICAL **: could not grab keyboard: already grabbed (1)' >&2
                    echo 'ERR 83886179 Operation cancelled'
                    ;;
                timeout) echo 'ERR 83886142 Timeout' ;;
                error) echo 'ERR 83886185 Unknown IPC command' ;;
                broken*) printf 'D %s' "${answer#broken }" && exit 1 ;;
                wait) exec sleep 60 ;;
            esac
            ;;
        BYE*) echo OK && exit ;;
        *) echo OK ;;
    esac
done
