set -e
mkdir -p classes
# The first compiler tier and the serial collector halve the time of a build this small.
javac -J-XX:TieredStopAtLevel=1 -J-XX:+UseSerialGC -Xlint:all -proc:none -cp "$HARNESS_CLASSPATH" -d classes \
    src/payments/*.java tests/*.java
