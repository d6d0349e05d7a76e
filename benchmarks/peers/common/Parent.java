import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.concurrent.CompletableFuture;

/** The process that started this one, at the other end of standard input. */
final class Parent {
    interface Stop {
        void run() throws Exception;
    }

    private static final CompletableFuture<Stop> STOP = new CompletableFuture<>();

    private Parent() {}

    /**
     * Obeys the parent from now on: on a line "stop" it does what stopWith was told and
     * ends this process with 0; when the input ends, because the parent has, it ends it
     * at once. Call it first in main. A main thread that fails ends the process, too:
     * the threads of an engine would keep it alive.
     */
    static void obey() {
        Thread.currentThread().setUncaughtExceptionHandler((t, e) -> fail(e));
        start(() -> {
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
            for (String line; (line = in.readLine()) != null; ) {
                if (line.equals("stop")) {
                    start(() -> {
                        STOP.get().run();
                        Runtime.getRuntime().halt(0);
                    });
                }
            }
            Runtime.getRuntime().halt(3);
        });
    }

    static void stopWith(Stop stop) {
        STOP.complete(stop);
    }

    /** A setting that the parent gave as -Dname=value. */
    static String setting(String name) {
        String value = System.getProperty(name);
        if (value == null) {
            throw new IllegalArgumentException("no setting -D" + name);
        }
        return value;
    }

    static int number(String name) {
        return Integer.parseInt(setting(name));
    }

    private static void start(Stop body) {
        Thread t = new Thread(() -> {
            try {
                body.run();
            } catch (Throwable e) {
                fail(e);
            }
        }, "parent");
        t.setDaemon(true);
        t.start();
    }

    private static void fail(Throwable e) {
        e.printStackTrace();
        Runtime.getRuntime().halt(1);
    }
}
