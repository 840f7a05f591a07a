# One core and 512 MiB: the serial collector and the first compiler tier start fast and stay small.
exec java -Xms64m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -XX:-UsePerfData \
    -Dsun.net.httpserver.nodelay=true -Dorg.slf4j.simpleLogger.defaultLogLevel=error \
    -cp "classes:$HARNESS_CLASSPATH" payments.Main
