set -e
mkdir -p classes
javac -nowarn -Xlint:all,-requires-automatic -proc:none -cp "$HARNESS_CLASSPATH" -d classes src/payments/*.java tests/*.java
