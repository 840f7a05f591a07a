exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -ea -cp "classes:$HARNESS_CLASSPATH" ServiceTest
