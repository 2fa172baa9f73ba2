import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/** mongo-java-server on a port of the loopback, in memory. The driver refuses the wire version that it has by itself. */
public final class StandIn {
    private static final class Newer implements MongoVersion {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(5, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 13;
        }
    }

    public static void main(String[] arguments) {
        new MongoServer(new MemoryBackend().version(new Newer())).bind("127.0.0.1", Integer.parseInt(arguments[0]));
    }
}
