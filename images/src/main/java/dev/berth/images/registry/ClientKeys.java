package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;

/**
 * The certificates by which we are known to registries, with their keys: PKCS #8, PKCS #1 (RSA) or SEC 1 (elliptic curves), as the
 * tools of the world write them. Which of several is shown is chosen by what the registry accepts.
 */
final class ClientKeys {
    private static final char[] NO_PASSWORD = new char[0]; // the store never leaves our memory
    private static final int SEQUENCE = 0x30;
    private static final int OCTETS = 0x04;
    private static final Map<String, String> SIGNATURES =
            Map.of("RSA", "SHA256withRSA", "EC", "SHA256withECDSA", "EdDSA", "EdDSA");
    private static final byte[] VERSION_0 = {0x02, 0x01, 0x00};

    private ClientKeys() {}

    /** @throws Fault FAILED_PRECONDITION if a file is not what it should be */
    static KeyManager[] managers(List<Host.ClientPair> pairs) throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        for (Host.ClientPair pair : pairs) {
            List<X509Certificate> chain = Pem.chain(pair.certificate());
            PrivateKey key = key(pair.key(), chain.getFirst().getPublicKey());
            store.setKeyEntry(
                    "client-" + store.size(), key, NO_PASSWORD, chain.toArray(new X509Certificate[chain.size()]));
        }
        KeyManagerFactory factory = KeyManagerFactory.getInstance("PKIX");
        factory.init(store, NO_PASSWORD);
        return factory.getKeyManagers();
    }

    private static PrivateKey key(Path file, PublicKey owner) {
        try {
            for (Pem.Block block : Pem.blocks(file)) {
                if (block.label().endsWith("PRIVATE KEY")) {
                    PrivateKey key = key(file, block, owner);
                    if (!isOf(owner, key)) {
                        throw wrong(
                                file,
                                "it is the key of another certificate",
                                "Name the two that belong together in hosts.toml");
                    }
                    return key;
                }
            }
        } catch (IOException e) {
            throw wrong(file, "it cannot be read: " + e, "Correct hosts.toml").causedBy(e);
        } catch (GeneralSecurityException | RuntimeException e) {
            if (e instanceof Fault fault) {
                throw fault;
            }
            throw wrong(file, "it does not belong to its certificate: " + Text.reason(e), "Correct hosts.toml")
                    .causedBy(e);
        }
        throw wrong(file, "there is no private key in it", "Give it as PEM, after the certificate or in its own file");
    }

    private static PrivateKey key(Path file, Pem.Block block, PublicKey owner) throws GeneralSecurityException {
        if (block.label().startsWith("ENCRYPTED") || block.hasHeaders()) {
            throw wrong(
                    file,
                    "it is encrypted, and nobody is there to be asked",
                    "Decrypt it: openssl pkey -in KEY -out KEY");
        }
        byte[] pkcs8 = block.label().equals("PRIVATE KEY") ? block.bytes() : wrapped(block.bytes(), owner);
        return KeyFactory.getInstance(owner.getAlgorithm()).generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
    }

    /** Whether what the key signs is believed by who knows the certificate; the registry would only say that it is not. */
    private static boolean isOf(PublicKey owner, PrivateKey key) throws GeneralSecurityException {
        String algorithm = SIGNATURES.get(owner.getAlgorithm());
        if (algorithm == null) {
            return true; // as far as we know
        }
        Signature signature = Signature.getInstance(algorithm);
        signature.initSign(key);
        signature.update(VERSION_0);
        byte[] signed = signature.sign();
        signature.initVerify(owner);
        signature.update(VERSION_0);
        return signature.verify(signed);
    }

    /**
     * A bare key in the wrapping of PKCS #8. What kind of key it is, on which curve, is copied from the certificate's key: both
     * stand there in the same form.
     */
    private static byte[] wrapped(byte[] bare, PublicKey owner) {
        byte[] algorithm = firstElement(contents(owner.getEncoded()));
        return der(SEQUENCE, concat(VERSION_0, algorithm, der(OCTETS, bare)));
    }

    private static byte[] contents(byte[] element) {
        int head = headLength(element);
        return Arrays.copyOfRange(element, head, head + length(element));
    }

    private static byte[] firstElement(byte[] elements) {
        return Arrays.copyOf(elements, headLength(elements) + length(elements));
    }

    private static int headLength(byte[] element) {
        return (element[1] & 0x80) == 0 ? 2 : 2 + (element[1] & 0x7f);
    }

    private static int length(byte[] element) {
        if ((element[1] & 0x80) == 0) {
            return element[1];
        }
        int length = 0;
        for (int i = 2; i < headLength(element); i++) {
            length = (length << 8) | (element[i] & 0xff);
        }
        return length;
    }

    private static byte[] der(int tag, byte[] contents) {
        int size = contents.length;
        byte[] head = size < 0x80
                ? new byte[] {(byte) tag, (byte) size}
                : new byte[] {(byte) tag, (byte) 0x83, (byte) (size >> 16), (byte) (size >> 8), (byte) size};
        return concat(head, contents);
    }

    private static byte[] concat(byte[]... parts) {
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            whole.writeBytes(part);
        }
        return whole.toByteArray();
    }

    private static Fault wrong(Path file, String why, String remedy) {
        return Fault.precondition("registry client key " + file, why, remedy);
    }
}
